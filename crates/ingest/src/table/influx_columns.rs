//! Results of InfluxDB as CSV without annotations, which give the columns but not their types.

use super::plan_draft::PlanDraft;
use crate::IngestError;

impl PlanDraft<'_> {
    /// Returns the error of such a table, with the options that read its series; `None` for another table.
    pub(super) fn influx_columns(&self, times: &[usize]) -> Option<IngestError> {
        let find = |name: &str| self.names.0.iter().position(|header| header == name);
        let (time, _, field, _) = (find("_time")?, find("_value")?, find("_field")?, find("_measurement")?);
        if !times.contains(&time) {
            return None;
        }
        let is_tag = |at: &usize| *at == field || !(self.names.0[*at].starts_with('_') || self.names.0[*at].is_empty());
        let is_of_result = |at: &usize| matches!(self.names.0[*at].as_str(), "result" | "table");
        let tags: Vec<String> = (0..self.names.0.len())
            .filter(|at| is_tag(at) && !is_of_result(at))
            .map(|at| self.names.name(at))
            .collect();
        let error = IngestError::new("these are the columns of InfluxDB, with several columns of times");
        let error = error.suggest("time", "_time").suggest("metric", "_measurement").suggest("value", "_value");
        Some(error.suggest("tags", tags.join(",")))
    }
}
