//! `Serialize` and `Deserialize` of the public data types, under the feature `serde`.
//!
//! Plain structs derive the traits where they are defined. The types here have a form or a check of their own, or belong
//! to modules that loom-tests compiles without serde.
//!
//! | type | human-readable formats (JSON) | binary formats |
//! |---|---|---|
//! | `Timestamp` | RFC 3339 text; also reads an integer of nanoseconds | `i64` nanoseconds |
//! | `Value` | `{"f64": 3.5}`, `{"bool": true}`; NaN and infinities as `"NaN"`, `"inf"`, `"-inf"` | variant; floats bit for bit |
//! | `ValueType`, `DuplicatePolicy`, `ErrorKind` | `"f64"`, `"keep_last"`, `"storage_full"` | variant |
//! | `Durability` | `"sync"`, `"os"`, `{"interval": {"secs": 0, "nanos": 200000000}}` | variant |
//! | `SeriesId` | number | `u32` |
//! | `SeriesKey` | `{"metric": "temp", "tags": {"station": "JFK"}}`; reading checks the rules for keys | the same struct |
//! | `Selector`, `Aggregate` | text form | text form |
//! | `MetricKind` | `"gauge"`, `"gaugehistogram"` | variant |
//! | `MetricMetadata` | struct of the fields; missing fields are empty | the same struct |
//! | `Column` | `{"f64": [1.5, null]}`; times as `Timestamp` | variant |
//! | `Point`, `SeriesInfo`, `Window`, `SeriesWindows`, `Windows` | struct of the fields | the same struct |

use std::fmt;

use serde::de::{Error as _, MapAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::query::{Aggregate, Column, ColumnValues, SeriesWindows, Windows};
use crate::types::duplicate_policy::DuplicatePolicy;
use crate::types::error::ErrorKind;
use crate::types::metric_metadata::{MetricKind, MetricMetadata};
use crate::types::options::Durability;
use crate::types::point::{Point, Timestamp, Value, ValueType};
use crate::types::selector::Selector;
use crate::types::series::{SeriesId, SeriesInfo, SeriesKey};

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.as_nanos())
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(TimestampVisitor)
        } else {
            i64::deserialize(deserializer).map(Self::from_nanos)
        }
    }
}

struct TimestampVisitor;

impl Visitor<'_> for TimestampVisitor {
    type Value = Timestamp;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a time in RFC 3339, or nanoseconds since the Unix epoch")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
        text.parse().map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, nanos: i64) -> Result<Timestamp, E> {
        Ok(Timestamp::from_nanos(nanos))
    }

    fn visit_u64<E: serde::de::Error>(self, nanos: u64) -> Result<Timestamp, E> {
        i64::try_from(nanos).map(Timestamp::from_nanos).map_err(E::custom)
    }
}

/// Float whose NaN and infinities are text in human-readable formats.
struct Float(f64);

impl Serialize for Float {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0.is_finite() || !serializer.is_human_readable() {
            serializer.serialize_f64(self.0)
        } else {
            serializer.collect_str(&self.0)
        }
    }
}

impl<'de> Deserialize<'de> for Float {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            deserializer.deserialize_any(FloatVisitor)
        } else {
            f64::deserialize(deserializer).map(Self)
        }
    }
}

struct FloatVisitor;

impl Visitor<'_> for FloatVisitor {
    type Value = Float;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, \"NaN\", \"inf\" or \"-inf\"")
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Float, E> {
        Ok(Float(value))
    }

    #[expect(clippy::cast_precision_loss, reason = "a format may write a whole float as an integer")]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    #[expect(clippy::cast_precision_loss, reason = "a format may write a whole float as an integer")]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<Float, E> {
        Ok(Float(value as f64))
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Float, E> {
        match text {
            "NaN" => Ok(Float(f64::NAN)),
            "inf" => Ok(Float(f64::INFINITY)),
            "-inf" => Ok(Float(f64::NEG_INFINITY)),
            _ => Err(E::invalid_value(serde::de::Unexpected::Str(text), &self)),
        }
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Value", rename_all = "lowercase")]
enum ValueForm {
    F64(Float),
    I64(i64),
    U64(u64),
    Bool(bool),
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let form = match *self {
            Self::F64(value) => ValueForm::F64(Float(value)),
            Self::I64(value) => ValueForm::I64(value),
            Self::U64(value) => ValueForm::U64(value),
            Self::Bool(value) => ValueForm::Bool(value),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match ValueForm::deserialize(deserializer)? {
            ValueForm::F64(value) => Self::F64(value.0),
            ValueForm::I64(value) => Self::I64(value),
            ValueForm::U64(value) => Self::U64(value),
            ValueForm::Bool(value) => Self::Bool(value),
        })
    }
}

/// Implements both traits for an enum by a second enum of the same variants, which names them.
macro_rules! by_form {
    ($ty:ident, $form:ident, $rule:literal, $($variant:ident $(($field:ident: $field_ty:ty))?),*) => {
        #[derive(Serialize, Deserialize)]
        #[serde(rename_all = $rule)]
        #[allow(clippy::enum_variant_names, reason = "the names of the other enum")]
        enum $form { $($variant $(($field_ty))?),* }

        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let form = match *self { $(Self::$variant $(($field))? => $form::$variant $(($field))?),* };
                form.serialize(serializer)
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                Ok(match $form::deserialize(deserializer)? { $($form::$variant $(($field))? => Self::$variant $(($field))?),* })
            }
        }
    };
}

by_form!(ValueType, ValueTypeForm, "lowercase", F64, I64, U64, Bool);
by_form!(DuplicatePolicy, DuplicatePolicyForm, "snake_case", KeepAll, KeepLast, KeepFirst);
by_form!(
    MetricKind,
    MetricKindForm,
    "lowercase",
    Unknown,
    Gauge,
    Counter,
    Histogram,
    GaugeHistogram,
    Summary,
    Info,
    StateSet
);
by_form!(Durability, DurabilityForm, "snake_case", Sync, Interval(interval: std::time::Duration), Os);
by_form!(
    ErrorKind,
    ErrorKindForm,
    "snake_case",
    Busy,
    InvalidInput,
    LimitExceeded,
    NotFound,
    StorageFull,
    Io,
    OutcomeUnknown,
    Reopen,
    Closed,
    Corrupt,
    Unsupported,
    Bug
);

#[derive(Default, Serialize, Deserialize)]
#[serde(rename = "MetricMetadata", default)]
struct MetricMetadataForm {
    kind: MetricKind,
    unit: String,
    description: String,
}

impl Serialize for MetricMetadata {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { kind, unit, description } = self.clone();
        MetricMetadataForm { kind, unit, description }.serialize(serializer)
    }
}

/// Reading checks the rules for units and descriptions.
impl<'de> Deserialize<'de> for MetricMetadata {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let MetricMetadataForm { kind, unit, description } = MetricMetadataForm::deserialize(deserializer)?;
        let metadata = Self::new(kind).with_unit(unit).with_description(description);
        metadata.validate().map(|()| metadata).map_err(D::Error::custom)
    }
}

/// Form of [`SeriesInfo`], without what only the engine uses.
#[derive(Serialize, Deserialize)]
#[serde(rename = "SeriesInfo")]
struct SeriesInfoForm {
    id: SeriesId,
    key: SeriesKey,
    value_type: ValueType,
    duplicates: DuplicatePolicy,
}

impl Serialize for SeriesInfo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { id, value_type, duplicates, .. } = *self;
        SeriesInfoForm { id, key: self.key.clone(), value_type, duplicates }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SeriesInfo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SeriesInfoForm { id, key, value_type, duplicates } = SeriesInfoForm::deserialize(deserializer)?;
        Ok(Self { id, key, value_type, duplicates, seq: 0 })
    }
}

/// Implements both traits by the text form of a type.
macro_rules! by_text {
    ($($ty:ty),*) => {$(
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $ty {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
            }
        }
    )*};
}

by_text!(Selector, Aggregate);

impl Serialize for SeriesId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.get())
    }
}

impl<'de> Deserialize<'de> for SeriesId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self::new)
    }
}

/// Tags of a key as a map.
struct TagMap<'a>(&'a SeriesKey);

impl Serialize for TagMap<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.tags())
    }
}

impl Serialize for SeriesKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut form = serializer.serialize_struct("SeriesKey", 2)?;
        form.serialize_field("metric", self.metric())?;
        form.serialize_field("tags", &TagMap(self))?;
        form.end()
    }
}

/// Tags as a list, so that a repeated tag key is an error of the series key.
struct TagList(Vec<(String, String)>);

impl<'de> Deserialize<'de> for TagList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TagVisitor;

        impl<'de> Visitor<'de> for TagVisitor {
            type Value = TagList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map of tags")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<TagList, A::Error> {
                let mut tags = Vec::new();
                while let Some(tag) = map.next_entry()? {
                    tags.push(tag);
                }
                Ok(TagList(tags))
            }
        }
        deserializer.deserialize_map(TagVisitor)
    }
}

#[derive(Deserialize)]
#[serde(rename = "SeriesKey")]
struct SeriesKeyForm {
    metric: String,
    tags: TagList,
}

impl From<SeriesKeyForm> for SeriesKey {
    fn from(form: SeriesKeyForm) -> Self {
        form.tags.0.into_iter().collect::<Self>().with_metric(form.metric)
    }
}

impl<'de> Deserialize<'de> for SeriesKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let key = Self::from(SeriesKeyForm::deserialize(deserializer)?);
        key.validate().map_err(D::Error::custom)?;
        Ok(key)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(rename = "Point")]
struct PointForm<T> {
    timestamp: Timestamp,
    value: T,
}

impl<T: Serialize> Serialize for Point<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        PointForm { timestamp: self.timestamp, value: &self.value }.serialize(serializer)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Point<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let PointForm { timestamp, value } = PointForm::deserialize(deserializer)?;
        Ok(Self { timestamp, value })
    }
}

/// A column with its type as the tag and `None` for missing values: `{"f64": [1.5, null]}`.
#[derive(Serialize, Deserialize)]
#[serde(rename = "Column", rename_all = "snake_case")]
enum ColumnForm {
    F64(Vec<Option<Float>>),
    I64(Vec<Option<i64>>),
    U64(Vec<Option<u64>>),
    Bool(Vec<Option<bool>>),
    Timestamp(Vec<Option<Timestamp>>),
}

impl Serialize for Column {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        fn options<T: Copy, F>(column: &Column, values: &[T], form: impl Fn(T) -> F) -> Vec<Option<F>> {
            values.iter().enumerate().map(|(at, value)| column.has_value(at).then(|| form(*value))).collect()
        }
        let form = match self.values() {
            ColumnValues::F64(values) => ColumnForm::F64(options(self, values, Float)),
            ColumnValues::I64(values) => ColumnForm::I64(options(self, values, |value| value)),
            ColumnValues::U64(values) => ColumnForm::U64(options(self, values, |value| value)),
            ColumnValues::Bool(values) => ColumnForm::Bool(options(self, values, |value| value)),
            ColumnValues::Timestamp(values) => ColumnForm::Timestamp(options(self, values, |value| value)),
        };
        form.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Column {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match ColumnForm::deserialize(deserializer)? {
            ColumnForm::F64(values) => {
                Self::from_options(values.into_iter().map(|value| value.map(|Float(value)| value)))
            }
            ColumnForm::I64(values) => Self::from_options(values),
            ColumnForm::U64(values) => Self::from_options(values),
            ColumnForm::Bool(values) => Self::from_options(values),
            ColumnForm::Timestamp(values) => Self::from_times(values),
        })
    }
}

/// Implements both traits for a struct by its fields.
macro_rules! by_fields {
    ($ty:ident, $form:ident, $($field:ident: $field_ty:ty),*) => {
        impl Serialize for $ty {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut form = serializer.serialize_struct(stringify!($ty), [$(stringify!($field)),*].len())?;
                $(form.serialize_field(stringify!($field), &self.$field)?;)*
                form.end()
            }
        }

        #[derive(Deserialize)]
        struct $form { $($field: $field_ty),* }
    };
}

by_fields!(
    SeriesWindows,
    SeriesWindowsForm,
    // The key of a group may have no metric name.
    key: SeriesKeyForm,
    members: usize,
    starts: Vec<Timestamp>,
    values: Vec<Column>
);
by_fields!(Windows, WindowsForm, columns: Vec<String>, series: Vec<SeriesWindows>, stale_markers: u64);

/// Fails if a column is not as long as the starts.
impl<'de> Deserialize<'de> for SeriesWindows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let SeriesWindowsForm { key, members, starts, values } = SeriesWindowsForm::deserialize(deserializer)?;
        if let Some(column) = values.iter().find(|column| column.len() != starts.len()) {
            return Err(D::Error::invalid_length(column.len(), &"a value for each start"));
        }
        Ok(Self { key: key.into(), members, starts, values })
    }
}

/// Fails if a row has another number of columns than there are names.
impl<'de> Deserialize<'de> for Windows {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let WindowsForm { columns, series, stale_markers } = WindowsForm::deserialize(deserializer)?;
        if let Some(row) = series.iter().find(|row| row.values.len() != columns.len()) {
            return Err(D::Error::invalid_length(row.values.len(), &"a column for each name"));
        }
        Ok(Self { columns, series, stale_markers })
    }
}

#[cfg(test)]
mod tests;
