//! The tests in the order they run, on one cluster.

mod changing;
mod extending;
mod faults;
mod guestbook;
mod nodes;
mod reading;
mod rollout;
mod spdy;
mod start;
mod stop;
mod streams;
mod waiting;

use crate::cluster::Cluster;

pub struct Test {
    /// What must hold.
    pub name: &'static str,
    pub need: Need,
    pub run: fn(&Cluster) -> anyhow::Result<()>,
}

/// What the others have to do with a test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Nothing: it runs when it is chosen.
    Nothing,
    /// It is always run.
    Always,
    /// Nothing else can be tried when it has failed.
    Base,
}

/// Takes the cluster down.
pub const LAST: &str = "reset_leaves_the_machine_as_it_was";

type Run = fn(&Cluster) -> anyhow::Result<()>;

const fn base(name: &'static str, run: Run) -> Test {
    Test { name, need: Need::Base, run }
}

const fn always(name: &'static str, run: Run) -> Test {
    Test { name, need: Need::Always, run }
}

const fn test(name: &'static str, run: Run) -> Test {
    Test { name, need: Need::Nothing, run }
}

pub const ALL: &[Test] = &[
    base("up_ends_with_a_ready_node", start::up),
    base("images_are_imported_without_a_registry", start::images),
    always("the_guestbook_becomes_ready", guestbook::becomes_ready),
    test("a_request_passes_all_three_tiers", guestbook::stores_what_is_sent),
    // kubectl
    test("get_prints_upstreams_columns", reading::get),
    test("get_watch_shows_changes_as_they_come", reading::watch),
    test("describe_tells_state_and_events", reading::describe),
    test("explain_knows_every_field", reading::explain),
    test("auth_can_i_answers_for_others_too", reading::can_i),
    test("logs_follow_and_select", streams::logs),
    test("exec_passes_input_output_and_exit_code", streams::exec),
    test("exec_gives_a_terminal", streams::exec_terminal),
    test("cp_copies_both_ways", streams::cp),
    test("port_forward_reaches_a_pod", streams::port_forward),
    test("spdy_exec_passes_input_output_and_exit_code", spdy::exec),
    test("spdy_exec_gives_a_terminal_of_the_right_size", spdy::exec_terminal),
    test("spdy_attach_speaks_to_a_container", spdy::attach),
    test("spdy_cp_copies_both_ways", spdy::cp),
    test("spdy_port_forward_carries_several_connections", spdy::port_forward),
    test("spdy_port_forward_tells_that_nobody_listens", spdy::port_forward_to_nobody),
    test("scale_adds_and_removes_pods", changing::scale),
    test("a_deleted_pod_is_replaced", changing::delete_pod),
    test("labels_and_annotations_are_set_and_removed", changing::label),
    test("the_three_patches_and_edit_change_an_object", changing::patch),
    test("diff_shows_what_apply_would_change", changing::diff),
    test("server_side_apply_tells_conflicts", changing::server_side_apply),
    test("wait_ends_when_it_holds", waiting::wait),
    test("a_pod_that_fits_nowhere_says_why", waiting::unschedulable),
    test("a_namespace_goes_with_all_that_is_in_it", waiting::namespace),
    test("a_token_is_its_service_account", extending::token),
    test("a_custom_resource_is_served_and_validated", extending::custom_resource),
    test("bad_input_is_refused_and_changes_nothing", extending::bad_input),
    // under load
    test("a_rolling_update_fails_no_request", rollout::set_image),
    test("a_rollout_is_undone_without_a_failed_request", rollout::undo),
    // faults
    test("a_killed_container_is_restarted", faults::kill_container),
    test("a_killed_ironclad_fails_no_request_and_restarts_nothing", faults::kill_ironclad),
    test("a_killed_containerd_is_started_again", faults::kill_containerd),
    test("down_and_up_restart_nothing", faults::down_and_up),
    // the end
    test("reset_says_what_it_would_do", stop::plan),
    always(LAST, stop::reset),
    // several nodes, on the machine as it was
    test("two_nodes_of_one_machine_are_a_cluster_and_leave_nothing", nodes::two),
];
