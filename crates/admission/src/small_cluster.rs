//! A real engine with a few kinds, for tests of plugins that see requests as the engine makes them.

use std::sync::Arc;

use ironclad_api::gvk::Name;
use ironclad_api::params::{DeleteOptions, WriteOptions};
use ironclad_api::schema::structural;
use ironclad_api::{GroupVersion, GroupVersionKind, GroupVersionResource, Object, ObjectKey, Status};
use ironclad_client::{Body, Cache, Deferred, Operation, Request, Target};
use ironclad_engine::gate::{Attributes, Authorizer, Context, Decision, User};
use ironclad_engine::strategy::{
    ALL_VERBS, KindSpec, SchemaRef, Scope, Strategy, Subresource, SubresourceKind, VersionSpec,
};
use ironclad_engine::{Engine, Parts, Registry};
use ironclad_env::{BoxFuture, RealEnv};
use ironclad_store::Store;
use ironclad_store::model::MemoryStore;
use serde_json::{Value, json};

use crate::{Plugins, Step};

pub struct SmallCluster {
    pub engine: Arc<Engine>,
    pub context: Context,
}

/// A write: verb, `group/version/resource`, `namespace/name` and the object.
pub struct Write<'a> {
    pub verb: &'a str,
    pub resource: &'a str,
    pub key: &'a str,
    pub object: Value,
    pub dry_run: bool,
}

impl<'a> Write<'a> {
    pub fn new(verb: &'a str, resource: &'a str, key: &'a str, object: Value) -> Self {
        Self { verb, resource, key, object, dry_run: false }
    }
}

impl SmallCluster {
    /// `steps` are made over the cluster's cache.
    pub async fn new(steps: impl FnOnce(&Arc<dyn Cache>) -> Vec<Step>) -> Self {
        let env = RealEnv::shared();
        let deferred = Arc::new(Deferred::default());
        let cache: Arc<dyn Cache> = deferred.clone();
        let steps = steps(&cache);
        let plugins = Plugins::of(env.clone(), cache, steps);
        let store = MemoryStore::new() as Arc<dyn Store>;
        let parts = Parts::new(env, store, Registry::new(kinds()), authorizer(), Arc::new(plugins));
        let engine = Engine::start(parts).await.expect("starts");
        deferred.fill(engine.cache());
        let user = User { name: "ann".into(), groups: vec!["dev".into()], ..User::default() };
        let cluster = Self { engine, context: Context::new(Arc::new(user), "test") };
        let labelled = json!({ "metadata": { "name": "ns", "labels": { "team": "red" } } });
        cluster.must(Write::new("create", "/v1/namespaces", "/", labelled)).await;
        cluster
    }

    pub async fn must(&self, write: Write<'_>) -> Object {
        self.run(write).await.unwrap_or_else(|status| panic!("{status}"))
    }

    pub async fn run(&self, write: Write<'_>) -> Result<Object, Status> {
        let [group, version, resource] = write
            .resource
            .splitn(3, '/')
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .try_into()
            .expect("three parts");
        let (resource, subresource) = match resource.split_once('/') {
            Some((resource, subresource)) => (resource.to_owned(), subresource.to_owned()),
            None => (resource, String::new()),
        };
        let (namespace, name) = write.key.split_once('/').expect("namespace/name");
        let resource = GroupVersionResource::new(group.clone(), version.clone(), resource);
        let mut target = Target::object(resource, &ObjectKey::new(namespace, name));
        target.subresource = subresource;
        let object = self.typed(write.object, &target);
        let options = WriteOptions { dry_run: write.dry_run, ..WriteOptions::default() };
        let operation = match write.verb {
            "create" => Operation::Create(Body::Tree(object), options),
            "update" => Operation::Update(Body::Tree(object), options),
            "delete" => {
                Operation::Delete(DeleteOptions { dry_run: write.dry_run, ..DeleteOptions::default() })
            }
            other => panic!("no verb {other}"),
        };
        let response = self.engine.handle(&self.context, Request { target, operation }).await?;
        Ok(response.into_object().expect("an object"))
    }

    /// With the type that the target has, unless it says another.
    fn typed(&self, object: Value, target: &Target) -> Object {
        let mut object = Object::from_value(object).unwrap_or_default();
        if object.kind().is_empty() {
            let served = self.engine.served(target).expect("served");
            object.set_type(&served.gvk);
        }
        object
    }
}

pub fn authorizer() -> Arc<dyn Authorizer> {
    Arc::new(AnnMay)
}

/// Everybody may do everything, but nobody may touch what is called `secret`.
struct AnnMay;

impl Authorizer for AnnMay {
    fn authorize<'a>(&'a self, attributes: &'a Attributes) -> BoxFuture<'a, Decision> {
        let allowed = attributes.name != "secret";
        let reason = String::new();
        let decision = if allowed { Decision::Allow { reason } } else { Decision::NoOpinion { reason } };
        // As one that has to ask somebody else.
        Box::pin(async move {
            tokio::task::yield_now().await;
            decision
        })
    }
}

/// A kind without rules. In its further versions `spec.seenAs` is the version's name.
struct Plain(KindSpec);

impl Strategy for Plain {
    fn spec(&self) -> &KindSpec {
        &self.0
    }

    fn default(&self, object: &mut Object) {
        if object.kind() == "Widget" {
            object.section_mut("spec").entry("color").or_insert_with(|| "red".into());
        }
    }

    fn convert<'a>(
        &'a self,
        mut objects: Vec<Object>,
        to: &'a GroupVersion,
    ) -> BoxFuture<'a, Result<Vec<Object>, Status>> {
        for object in &mut objects {
            object.0.insert("apiVersion".into(), to.to_string().into());
            object.section_mut("spec").insert("seenAs".into(), to.version.to_string().into());
        }
        Box::pin(std::future::ready(Ok(objects)))
    }
}

fn kinds() -> Vec<Arc<dyn Strategy>> {
    let registration = "admissionregistration.k8s.io";
    vec![
        plain("", &["v1"], "Namespace", "namespaces", Scope::Cluster),
        plain("", &["v1"], "ConfigMap", "configmaps", Scope::Namespaced),
        plain("example.com", &["v1", "v2"], "Widget", "widgets", Scope::Namespaced),
        plain(
            registration,
            &["v1"],
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            Scope::Cluster,
        ),
        plain(
            registration,
            &["v1"],
            "ValidatingWebhookConfiguration",
            "validatingwebhookconfigurations",
            Scope::Cluster,
        ),
        plain(
            registration,
            &["v1"],
            "ValidatingAdmissionPolicy",
            "validatingadmissionpolicies",
            Scope::Cluster,
        ),
        plain(
            registration,
            &["v1"],
            "ValidatingAdmissionPolicyBinding",
            "validatingadmissionpolicybindings",
            Scope::Cluster,
        ),
        plain(registration, &["v1"], "MutatingAdmissionPolicy", "mutatingadmissionpolicies", Scope::Cluster),
        plain(
            registration,
            &["v1"],
            "MutatingAdmissionPolicyBinding",
            "mutatingadmissionpolicybindings",
            Scope::Cluster,
        ),
    ]
}

/// The first version is the stored one.
fn plain(
    group: &'static str,
    versions: &[&'static str],
    kind: &'static str,
    resource: &'static str,
    scope: Scope,
) -> Arc<dyn Strategy> {
    let schema = SchemaRef::Custom(Arc::new(structural::preserving()));
    let versions = versions.iter().enumerate().map(|(at, version)| match at {
        0 => VersionSpec::stored(*version, schema.clone()),
        _ => VersionSpec::converted(*version, schema.clone()),
    });
    let options = GroupVersionKind::new("", "v1", "PodAttachOptions");
    let attach = Subresource {
        name: "attach".into(),
        kind: Some(options),
        verbs: &["create", "get"],
        does: SubresourceKind::Connect,
    };
    Arc::new(Plain(KindSpec {
        group: Name::Borrowed(group),
        kind: Name::Borrowed(kind),
        resource: Name::Borrowed(resource),
        singular: kind.to_lowercase().into(),
        short_names: Vec::new(),
        categories: Vec::new(),
        scope,
        versions: versions.collect(),
        subresources: vec![Subresource::status(), attach],
        verbs: ALL_VERBS,
        columns: Vec::new(),
        selectable: Vec::new(),
        generation: false,
        storage_prefix: Some(resource.into()),
    }))
}
