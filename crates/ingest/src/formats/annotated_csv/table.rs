//! Columns of a table and what they become.

use std::borrow::Cow;

use timestrata::{Timestamp, Value};

use crate::formats::number::{parse_float, parse_i64};
use crate::formats::row_error::{RowError, shown};
use crate::{IngestError, TextValues};

/// Data type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DataType {
    Double,
    Long,
    UnsignedLong,
    Boolean,
    Time,
    TimeNanos,
    /// String, duration or bytes.
    Text,
}

impl DataType {
    fn parse(name: &str) -> Result<Self, IngestError> {
        Ok(match name {
            "double" => Self::Double,
            "long" => Self::Long,
            "unsignedLong" => Self::UnsignedLong,
            "boolean" => Self::Boolean,
            "dateTime:RFC3339" | "dateTime:RFC3339Nano" => Self::Time,
            "dateTime:number" => Self::TimeNanos,
            "string" | "" | "duration" | "base64Binary" => Self::Text,
            "measurement" | "tag" | "field" | "time" | "ignored" => {
                let message = format!("the column type {name:?} of extended annotated CSV is not supported");
                return Err(IngestError::new(message));
            }
            _ => return Err(IngestError::new(format!("{name:?} is not a column type of annotated CSV"))),
        })
    }

    /// Parses a cell; `None` for a text.
    pub(super) fn parse_value(self, cell: &str) -> Result<Option<Value>, RowError> {
        let value = match self {
            Self::Double => parse_float(cell.as_bytes()).map(Value::F64),
            Self::Long => parse_i64(cell.as_bytes()).map(Value::I64),
            Self::UnsignedLong => cell.parse().ok().filter(|_| !cell.starts_with('+')).map(Value::U64),
            Self::Boolean => match cell {
                "true" => Some(Value::Bool(true)),
                "false" => Some(Value::Bool(false)),
                _ => None,
            },
            Self::Time | Self::TimeNanos | Self::Text => return Ok(None),
        };
        let refusal =
            || RowError::refused(format!("{} is not a value of the type of its column", shown(cell.as_bytes())));
        value.map(Some).ok_or_else(refusal)
    }

    pub(super) fn parse_time(self, cell: &str) -> Result<Timestamp, RowError> {
        let time = match self {
            Self::TimeNanos | Self::Long => parse_i64(cell.as_bytes()).map(Timestamp::from_nanos),
            _ => cell.parse().ok(),
        };
        time.ok_or_else(|| RowError::refused(format!("{} is not a time of RFC 3339", shown(cell.as_bytes()))))
    }
}

/// What a column becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Nothing,
    Measurement,
    Field,
    Time,
    Value,
    Tag,
    /// A field of its own, in a pivoted table.
    PivotedField,
}

/// Annotation lines before a header.
#[derive(Debug, Clone, Default)]
pub(super) struct Annotations {
    pub(super) types: Option<Vec<String>>,
    pub(super) group: Option<Vec<String>>,
    pub(super) defaults: Vec<String>,
}

impl Annotations {
    /// Stores an annotation line; returns `false` if the cells are none.
    pub(super) fn take(&mut self, cells: &[Cow<'_, str>]) -> Result<bool, IngestError> {
        let owned = || cells.iter().map(|cell| cell.clone().into_owned()).collect();
        match cells.first().map(AsRef::as_ref) {
            Some("#datatype") => self.types = Some(owned()),
            Some("#group") => self.group = Some(owned()),
            Some("#default") => self.defaults = owned(),
            Some(other) if other.starts_with('#') => {
                return Err(IngestError::new(format!("the annotation {} is not supported", shown(other.as_bytes()))));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }
}

/// AnnotatedColumn of a table.
#[derive(Debug, Clone)]
pub(super) struct AnnotatedColumn {
    pub(super) name: String,
    pub(super) ty: DataType,
    pub(super) role: Role,
    /// Text of an empty cell.
    pub(super) default: String,
}

/// Decides what each column becomes. The first column holds the names of annotations, and is left out of the result.
pub(super) fn plan(
    header: &[Cow<'_, str>],
    annotations: &Annotations,
    text: TextValues,
) -> Result<Vec<AnnotatedColumn>, IngestError> {
    let types =
        annotations.types.as_ref().ok_or_else(|| IngestError::new("there is no #datatype line before the header"))?;
    if header.iter().any(|name| name == "error") && header.iter().any(|name| name == "reference") {
        return Err(IngestError::new("the input is an error message of InfluxDB, not data"));
    }
    if types.len() != header.len() {
        let message = format!("the #datatype line has {} cells, the header {}", types.len(), header.len());
        return Err(IngestError::new(message));
    }
    let has = |name: &str| header.iter().any(|other| other == name);
    let in_group =
        |at: usize| annotations.group.as_ref().and_then(|group| group.get(at)).is_some_and(|cell| cell == "true");
    let mut columns = Vec::new();
    for (at, name) in header.iter().enumerate().skip(1) {
        let ty = DataType::parse(&types[at])?;
        let is_text = ty == DataType::Text;
        let role = match &**name {
            "" | "result" | "table" | "_start" | "_stop" => Role::Nothing,
            "_measurement" => Role::Measurement,
            "_field" => Role::Field,
            "_time" => Role::Time,
            "_value" => Role::Value,
            _ if in_group(at) || (is_text && (has("_value") || annotations.group.is_none())) => Role::Tag,
            _ if has("_value") || matches!(ty, DataType::Time | DataType::TimeNanos) => Role::Nothing,
            _ if is_text && text == TextValues::Skip => Role::Nothing,
            _ => Role::PivotedField,
        };
        let default = annotations.defaults.get(at).cloned().unwrap_or_default();
        columns.push(AnnotatedColumn { name: name.to_string(), ty, role, default });
    }
    if !columns.iter().any(|column| matches!(column.role, Role::Value | Role::PivotedField)) {
        return Err(IngestError::new("the table has no column _value, and no other column of numbers"));
    }
    if !has("_measurement") && !has("_field") {
        return Err(IngestError::new("the table has neither a column _measurement nor _field, which name the metric"));
    }
    Ok(columns)
}
