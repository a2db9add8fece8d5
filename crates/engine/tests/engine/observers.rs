use std::sync::Arc;

use ironclad_api::params::DeleteOptions;
use ironclad_api::{GroupResource, GroupVersionResource, ObjectKey};
use ironclad_client::{Cache, Change, Client, Observer, Request, Target};
use ironclad_engine::{LocalClient, User};
use parking_lot::Mutex;
use serde_json::json;

use crate::world::{World, config_map, object};

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn changed(&self, change: &Change) {
        let step = match (&change.old, &change.new) {
            (None, Some(_)) => "+",
            (Some(_), None) => "-",
            _ => "~",
        };
        self.0.lock().push(format!("{step}{}@{}", change.entry().key, change.entry().revision));
    }
}

#[test]
fn an_observer_sees_what_is_there_and_then_every_change() {
    let world = World::new();
    world.check("create", "v1/configmaps ns/", config_map("a", json!({})), 201, json!({}));
    let (some, all) = (Arc::new(Seen::default()), Arc::new(Seen::default()));
    world.engine.cache().observe(&[GroupResource::new("example.com", "widgets")], some.clone());
    world.engine.cache().observe(&[], all.clone());
    world.check("merge", "v1/configmaps ns/a", json!({"data": {"k": "v"}}), 200, json!({}));
    world.check("delete", "v1/configmaps ns/a", (), 200, json!({}));
    assert_eq!(*all.0.lock(), ["+ns/a@1", "~ns/a@2", "-ns/a@2"]);
    assert!(some.0.lock().is_empty());
}

#[test]
fn a_client_inside_reads_its_own_writes() {
    let world = World::new();
    let client = LocalClient::new(world.engine.clone(), Arc::new(User::default()), "controller");
    let cache = world.engine.cache();
    let resource = GroupVersionResource::new("", "v1", "configmaps");
    let key = ObjectKey::new("ns", "a");
    world.run(async move {
        let collection = Target::collection(resource.clone(), "ns");
        let created =
            client.call(Request::create(collection, object(config_map("a", json!({"k": "v"}))))).await;
        let manager =
            created.expect("created").at(&["metadata", "managedFields"]).cloned().expect("managers");
        assert_eq!(manager[0]["manager"], "controller");
        let group_resource = resource.group_resource();
        assert_eq!(cache.get(&group_resource, &key).map(|entry| entry.revision), Some(1));
        let target = Target::object(resource, &key);
        let deleted = client.call(Request::delete(target, DeleteOptions::default())).await.expect("deleted");
        assert_eq!(deleted.kind(), "Status");
        assert!(cache.get(&group_resource, &key).is_none());
        assert_eq!(cache.list(&group_resource, None).len(), 0);
    });
}
