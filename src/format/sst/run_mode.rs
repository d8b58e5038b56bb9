//! Modes of the runs of a packed block: forms of their times and values, without what differs from run to run.

use super::codec::CodecError;
use super::codec::alp::DecimalScale;
use super::codec::short::{Residuals, ShortForm};
use super::codec::varint::{ColumnReader, write_u64};

/// Form of the times of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TimesForm {
    /// Equal distances; no body.
    Even,
    /// Distances from a straight line.
    Line(Residuals),
    /// Length, and a self-describing column of the times minus the first one.
    Column,
    /// Body of the run at this offset behind the header.
    Shared(u32),
}

/// Form of the values of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValuesForm {
    /// A self-describing column.
    Column,
    Integers(ShortForm),
    /// Doubles as decimal digits.
    Decimals(DecimalScale, ShortForm),
}

/// Forms of the columns of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RunMode {
    pub(super) times: TimesForm,
    pub(super) values: ValuesForm,
}

/// Codes of the forms, stored as one byte each.
mod form_code {
    pub(super) const EVEN: u8 = 0;
    pub(super) const LINE: u8 = 1;
    pub(super) const TIMES_COLUMN: u8 = 2;
    pub(super) const SHARED: u8 = 3;

    pub(super) const VALUES_COLUMN: u8 = 0;
    pub(super) const BASE: u8 = 1;
    pub(super) const STEPS: u8 = 2;
    pub(super) const DECIMAL_BASE: u8 = 3;
    pub(super) const DECIMAL_STEPS: u8 = 4;
}

impl RunMode {
    /// Appends the mode.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self.times {
            TimesForm::Even => out.push(form_code::EVEN),
            TimesForm::Line(residuals) => {
                out.push(form_code::LINE);
                residuals.write(out);
            }
            TimesForm::Column => out.push(form_code::TIMES_COLUMN),
            TimesForm::Shared(run) => {
                out.push(form_code::SHARED);
                write_u64(u64::from(run), out);
            }
        }
        match self.values {
            ValuesForm::Column => out.push(form_code::VALUES_COLUMN),
            ValuesForm::Integers(form) => write_short_form(form, [form_code::BASE, form_code::STEPS], out),
            ValuesForm::Decimals(scale, form) => {
                write_short_form(form, [form_code::DECIMAL_BASE, form_code::DECIMAL_STEPS], out);
                scale.write(out);
            }
        }
    }

    /// Reads a mode.
    pub(super) fn read(reader: &mut ColumnReader<'_>) -> Result<Self, CodecError> {
        let times = match reader.byte()? {
            form_code::EVEN => TimesForm::Even,
            form_code::LINE => TimesForm::Line(Residuals::read(reader)?),
            form_code::TIMES_COLUMN => TimesForm::Column,
            form_code::SHARED => {
                let run = u32::try_from(reader.u64()?);
                TimesForm::Shared(run.map_err(|_| CodecError("shared times lie outside their packed block"))?)
            }
            _ => return Err(CodecError("the form of a run's times is unknown")),
        };
        let code = reader.byte()?;
        let form = match code {
            form_code::VALUES_COLUMN => return Ok(Self { times, values: ValuesForm::Column }),
            form_code::BASE | form_code::DECIMAL_BASE => ShortForm::Base(Residuals::read(reader)?),
            form_code::STEPS | form_code::DECIMAL_STEPS => ShortForm::Steps(Residuals::read(reader)?),
            _ => return Err(CodecError("the form of a run's values is unknown")),
        };
        let is_decimal = code == form_code::DECIMAL_BASE || code == form_code::DECIMAL_STEPS;
        let values = if is_decimal {
            ValuesForm::Decimals(DecimalScale::read(reader)?, form)
        } else {
            ValuesForm::Integers(form)
        };
        Ok(Self { times, values })
    }
}

fn write_short_form(form: ShortForm, [base, steps]: [u8; 2], out: &mut Vec<u8>) {
    let (code, residuals) = match form {
        ShortForm::Base(residuals) => (base, residuals),
        ShortForm::Steps(residuals) => (steps, residuals),
    };
    out.push(code);
    residuals.write(out);
}
