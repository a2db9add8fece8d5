//! The verbs, each an input to the write path, and the verbs that are functions of their own.

use std::borrow::Cow;

use ironclad_api::params::WriteOptions;
use ironclad_api::schema::Catalog;
use ironclad_api::status::Status;
use ironclad_api::{GroupVersionKind, Object};
use ironclad_client::{Body, Operation, Patch, PatchKind, Target};

use super::input::{Input, Options};
use super::{Write, body, checks, options, owners, system};
use crate::engine::Engine;
use crate::gate::{AdmissionOperation, AdmissionRequest, Context, RequestOptions};
use crate::registry::Served;
use crate::response::Response;
use crate::strategy::{Action, Part, SchemaRef, Subresource, SubresourceKind};

impl Engine {
    pub(crate) async fn create(
        &self,
        context: &Context,
        served: &Served,
        target: Target,
        body: Body,
        options: WriteOptions,
    ) -> Result<Response, Status> {
        let input = Input::Create(body, options::of_write(context, &options, "CreateOptions")?);
        self.write(&mut Write::new(context, served, Part::Main, target, input, options.dry_run)).await
    }

    pub(crate) async fn update(
        &self,
        context: &Context,
        served: &Served,
        part: Part,
        target: Target,
        body: Body,
        options: WriteOptions,
    ) -> Result<Response, Status> {
        let input = Input::Replace(body, options::of_write(context, &options, "UpdateOptions")?);
        self.write(&mut Write::new(context, served, part, target, input, options.dry_run)).await
    }

    pub(crate) async fn patch(
        &self,
        context: &Context,
        served: &Served,
        part: Part,
        target: Target,
        patch: Patch,
        options: WriteOptions,
    ) -> Result<Response, Status> {
        let settled = options::of_patch(context, &options, patch.kind == PatchKind::Apply)?;
        let input = Input::Patch(patch, settled);
        self.write(&mut Write::new(context, served, part, target, input, options.dry_run)).await
    }

    /// Creates an object of a kind that is never stored.
    pub(crate) async fn create_virtual(
        &self,
        context: &Context,
        served: &Served,
        action: &dyn Action,
        target: &Target,
        body: Body,
        options: WriteOptions,
    ) -> Result<Response, Status> {
        let settled = options::of_write(context, &options, "CreateOptions")?;
        let mut object = body::decode(context, &body, &served.gvk, served.schema(), &settled)?;
        system::wipe(&mut object);
        let input = Input::Create(body, settled);
        let write = Write::new(context, served, Part::Main, target.clone(), input, options.dry_run);
        checks::namespace_of_create(&write, &mut object)?;
        served.strategy().default(&mut object);
        let mut object = owners::track(&write, object, None, self.env.now());
        self.mutate_and_validate(&write, &mut object)?;
        let call = Call { context, served, target, kind: &served.gvk, options: &options };
        self.act(call, action, object).await
    }

    fn mutate_and_validate(&self, write: &Write<'_>, object: &mut Object) -> Result<(), Status> {
        let claimed = |_: &str| false;
        let preparation = self.preparation(write, self.env.now(), &claimed);
        write.strategy().prepare(object, None, &preparation)?;
        let errors = write.strategy().validate(object, None, &preparation);
        match errors.is_empty() {
            true => Ok(()),
            false => Err(write.invalid(object, &errors)),
        }
    }

    /// A subresource that is a function of its own.
    pub(crate) async fn action(
        &self,
        context: &Context,
        served: &Served,
        subresource: &Subresource,
        action: &dyn Action,
        target: &Target,
        operation: Operation,
    ) -> Result<Response, Status> {
        let Operation::Create(body, options) = operation else {
            return Err(Status::method_not_supported(&target.resource.group_resource(), operation.verb()));
        };
        let kind = subresource.kind.as_ref().unwrap_or(&served.gvk);
        let schema = Catalog::builtin().schema(kind).map(SchemaRef::Builtin);
        let schema = schema.as_ref().unwrap_or_else(|| served.schema());
        let settled = options::of_write(context, &options, "CreateOptions")?;
        let takes = |kind: &GroupVersionKind| action.takes(kind);
        let object = body::decode_any(context, &body, kind, &takes, schema, &settled)?;
        let call = Call { context, served, target, kind, options: &options };
        self.act(call, action, object).await
    }

    async fn act(&self, call: Call<'_>, action: &dyn Action, mut object: Object) -> Result<Response, Status> {
        let Call { context, served, target, kind, options } = call;
        let mut request = AdmissionRequest {
            context,
            operation: AdmissionOperation::Create,
            target,
            kind,
            object: Some(&mut object),
            old: None,
            dry_run: options.dry_run,
            served: Some(served),
            options: RequestOptions::Write(options),
        };
        self.admission.mutate(&mut request).await?;
        self.admission.validate(&request).await?;
        let object = action.run(context, self, target, object, options.dry_run).await?;
        Ok(Response::Object { object, created: true })
    }
}

/// An action that is called, but for its body.
struct Call<'a> {
    context: &'a Context,
    served: &'a Served,
    target: &'a Target,
    /// The body's kind.
    kind: &'a GroupVersionKind,
    options: &'a WriteOptions,
}

impl<'a> Write<'a> {
    pub fn new(
        context: &'a Context,
        served: &'a Served,
        part: Part,
        target: Target,
        input: Input<'a>,
        dry_run: bool,
    ) -> Self {
        Self { context, served, part, target, input, dry_run, admitted: false }
    }

    /// A change from inside, on behalf of a request that has been authorized and admitted already.
    pub fn change(
        context: &'a Context,
        served: &'a Served,
        target: Target,
        change: &'a (dyn Fn(&mut Object) -> Result<(), Status> + Send + Sync),
    ) -> Self {
        let options = Options { manager: context.default_manager(), ..Options::default() };
        let part = part_of(served, &target.subresource);
        let admitted = true;
        Self { admitted, ..Self::new(context, served, part, target, Input::Change(change, options), false) }
    }
}

/// The view that a subresource's name stands for.
fn part_of(served: &Served, subresource: &str) -> Part {
    let Some(subresource) = served.subresource(subresource) else { return Part::Main };
    match (&subresource.does, &subresource.name) {
        (SubresourceKind::Part(part), _) => *part,
        (SubresourceKind::Action(_), Cow::Borrowed(name)) => Part::Named(name),
        _ => Part::Main,
    }
}
