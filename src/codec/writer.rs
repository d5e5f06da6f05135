//! The visitor that generated `serialize_members` functions push into.

use aws_smithy_schema::Schema;
use aws_smithy_schema::serde::{SerdeError, SerializableStruct, ShapeSerializer};
use aws_smithy_types::{BigDecimal, BigInteger, Blob, DateTime, Document, Number};

use crate::value::{Map, Value};

/// The container that is being filled.
enum Frame {
    Structure(Map<String, Value>),
    List(Vec<Value>),
    /// A map; its entries arrive as a key and then a value.
    Entries(Map<String, Value>, Option<String>),
}

struct Writer(Frame);

pub(super) fn write(shape: &dyn SerializableStruct) -> Value {
    let mut writer = Writer(Frame::Structure(Map::new()));
    // A tree takes every shape; the only errors are the two number types that ECS does not have.
    match shape.serialize_members(&mut writer) {
        Ok(()) => writer.finish(),
        Err(error) => Value::String(format!("unprintable: {error}")),
    }
}

impl Writer {
    fn finish(self) -> Value {
        match self.0 {
            Frame::Structure(map) | Frame::Entries(map, _) => Value::Object(map),
            Frame::List(items) => Value::Array(items),
        }
    }

    fn put(&mut self, schema: &Schema<'_>, value: Value) -> Result<(), SerdeError> {
        match &mut self.0 {
            Frame::Structure(map) => {
                map.insert(schema.member_name().unwrap_or_default().to_owned(), value);
            }
            Frame::List(items) => items.push(value),
            Frame::Entries(map, key) => match (key.take(), value) {
                (Some(key), value) => {
                    map.insert(key, value);
                }
                (None, Value::String(text)) => *key = Some(text),
                (None, _) => return Err(SerdeError::type_mismatch("a map's key must be a string")),
            },
        }
        Ok(())
    }

    fn nested(
        &mut self,
        schema: &Schema<'_>,
        frame: Frame,
        fill: impl FnOnce(&mut Writer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        let mut inner = Writer(frame);
        fill(&mut inner)?;
        self.put(schema, inner.finish())
    }
}

impl ShapeSerializer for Writer {
    fn write_struct(&mut self, schema: &Schema<'_>, value: &dyn SerializableStruct) -> Result<(), SerdeError> {
        self.nested(schema, Frame::Structure(Map::new()), |inner| value.serialize_members(inner))
    }

    fn write_list(
        &mut self,
        schema: &Schema<'_>,
        write_elements: &dyn Fn(&mut dyn ShapeSerializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.nested(schema, Frame::List(Vec::new()), |inner| write_elements(inner))
    }

    fn write_map(
        &mut self,
        schema: &Schema<'_>,
        write_entries: &dyn Fn(&mut dyn ShapeSerializer) -> Result<(), SerdeError>,
    ) -> Result<(), SerdeError> {
        self.nested(schema, Frame::Entries(Map::new(), None), |inner| write_entries(inner))
    }

    fn write_boolean(&mut self, schema: &Schema<'_>, value: bool) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_byte(&mut self, schema: &Schema<'_>, value: i8) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_short(&mut self, schema: &Schema<'_>, value: i16) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_integer(&mut self, schema: &Schema<'_>, value: i32) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_long(&mut self, schema: &Schema<'_>, value: i64) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_float(&mut self, schema: &Schema<'_>, value: f32) -> Result<(), SerdeError> {
        self.put(schema, f64::from(value).into())
    }

    fn write_double(&mut self, schema: &Schema<'_>, value: f64) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_big_integer(&mut self, _: &Schema<'_>, _: &BigInteger) -> Result<(), SerdeError> {
        Err(SerdeError::unsupported("ECS has no big integers"))
    }

    fn write_big_decimal(&mut self, _: &Schema<'_>, _: &BigDecimal) -> Result<(), SerdeError> {
        Err(SerdeError::unsupported("ECS has no big decimals"))
    }

    fn write_string(&mut self, schema: &Schema<'_>, value: &str) -> Result<(), SerdeError> {
        self.put(schema, value.into())
    }

    fn write_blob(&mut self, schema: &Schema<'_>, value: Blob) -> Result<(), SerdeError> {
        self.put(schema, String::from_utf8_lossy(value.as_ref()).into())
    }

    fn write_timestamp(&mut self, schema: &Schema<'_>, value: &DateTime) -> Result<(), SerdeError> {
        self.put(schema, value.as_secs_f64().into())
    }

    fn write_document(&mut self, schema: &Schema<'_>, value: &Document) -> Result<(), SerdeError> {
        self.put(schema, tree(value))
    }

    fn write_null(&mut self, schema: &Schema<'_>) -> Result<(), SerdeError> {
        self.put(schema, Value::Null)
    }
}

fn tree(document: &Document) -> Value {
    match document {
        Document::Null => Value::Null,
        Document::Bool(flag) => (*flag).into(),
        Document::Number(Number::PosInt(n)) => (*n).into(),
        Document::Number(Number::NegInt(n)) => (*n).into(),
        Document::Number(Number::Float(n)) => (*n).into(),
        Document::String(text) => text.as_str().into(),
        Document::Array(items) => items.iter().map(tree).collect(),
        Document::Object(map) => map.iter().map(|(key, value)| (key.clone(), tree(value))).collect(),
    }
}
