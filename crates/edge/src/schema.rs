//! The schema: an `OpenRPC` 1.3 document, made from the types.
//!
//! `OpenRPC` describes what is asked; what is told unasked stands beside it, under `x-notifications`. Its schemas are JSON Schema, draft 7.

use keyfold_engine::Engine;
use schemars::generate::{Contract, SchemaSettings};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

use crate::error::{self, Data, Kind};
use crate::event::{Event, Link, Missed, Notification};
use crate::file::Progress;
use crate::method::Method;
use crate::query::Read;

/// What is written about the methods, while it is gathered.
pub(crate) struct Pages {
    asked: SchemaGenerator,
    told: SchemaGenerator,
    methods: Vec<Value>,
}

impl Pages {
    /// A method, by the types of its parameters and result.
    pub(crate) fn method<P: JsonSchema, R: JsonSchema>(&mut self, name: &str, doc: &str) {
        let params = P::json_schema(&mut self.asked);
        let result = self.told.subschema_for::<R>();
        self.methods.push(json!({
            "name": name,
            "summary": doc.trim(),
            "paramStructure": "by-name",
            "params": by_name(params.as_value()),
            "result": { "name": "result", "schema": result },
        }));
    }

    /// A read, by what carries it out.
    pub(crate) fn read<P: JsonSchema, R: JsonSchema>(
        &mut self,
        name: &str,
        doc: &str,
        _: fn(&P, &Engine) -> Read<R>,
    ) {
        self.method::<P, R>(name, doc);
    }

    fn notification<P: JsonSchema>(&mut self, method: &str, summary: &str) -> Value {
        let params = self.told.subschema_for::<P>();
        json!({ "name": method, "summary": summary, "params": params })
    }
}

/// The whole document.
pub fn document() -> Value {
    let generator = |contract| {
        let mut settings = SchemaSettings::draft07();
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
        settings.contract = contract;
        settings.into_generator()
    };
    let mut pages = Pages {
        asked: generator(Contract::Deserialize),
        told: generator(Contract::Serialize),
        methods: Vec::new(),
    };
    Method::describe(&mut pages);
    let notifications = [
        pages.notification::<Event>("event", "Something happened."),
        pages.notification::<Link>("link", "The connection to the server changed."),
        pages.notification::<Progress>("progress", "A file has come on its way."),
        pages.notification::<Missed>(
            Notification::Missed.method(),
            "Notifications were lost, since nobody read them: read again what is shown.",
        ),
    ];
    let data = pages.told.subschema_for::<Data>();
    let mut schemas = pages.asked.take_definitions(true);
    schemas.extend(pages.told.take_definitions(true));
    json!({
        "openrpc": "1.3.2",
        "info": {
            "title": "Keyfold",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "JSON-RPC 2.0 on standard input and output of `keyfold rpc`: one message a line. See docs/rpc.md.",
        },
        "methods": pages.methods,
        "x-notifications": notifications,
        "components": { "schemas": schemas, "errors": errors(), "x-error-data": data },
    })
}

/// The parameters of a method, one by one.
fn by_name(params: &Value) -> Vec<Value> {
    let none = Map::new();
    let properties = params.get("properties").and_then(Value::as_object);
    let required: Vec<&str> = params
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let properties = properties.unwrap_or(&none).iter();
    properties
        .map(|(name, schema)| {
            json!({ "name": name, "required": required.contains(&name.as_str()), "schema": schema })
        })
        .collect()
}

fn errors() -> Map<String, Value> {
    let error = |(kind, meaning): &(Kind, &str)| {
        let name = error::name(*kind);
        let told =
            json!({ "code": kind.code(), "message": meaning.trim(), "data": { "name": name } });
        (name.as_str().unwrap_or_default().to_owned(), told)
    };
    Kind::ALL.iter().map(error).collect()
}
