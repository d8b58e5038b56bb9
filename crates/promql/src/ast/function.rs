//! The functions of the language.

use super::ValueType;
use super::ValueType::{Matrix, Scalar, String, Vector};
use ArgumentCount::{AtLeast, Exact, Optional};

/// What a function takes and returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Signature {
    /// Name in queries.
    pub name: &'static str,
    /// Types of the arguments. Further ones have the type of the last.
    pub argument_types: &'static [ValueType],
    /// How many arguments a call may have.
    pub argument_count: ArgumentCount,
    /// Type of the value.
    pub return_type: ValueType,
    /// `true` if a call needs [`Feature::ExperimentalFunctions`](crate::Feature::ExperimentalFunctions).
    pub is_experimental: bool,
}

/// How many arguments a call may have, given the `n` types of the signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ArgumentCount {
    /// Exactly `n`.
    Exact,
    /// At least `n - 1`, at most `n - 1` and this many.
    Optional(usize),
    /// At least `n - 1`.
    AtLeast,
}

macro_rules! stability {
    (stable) => {
        false
    };
    (experimental) => {
        true
    };
}

macro_rules! functions {
    ($($function:ident, $name:literal, [$($argument:ident),*], $count:expr, $return:ident, $stability:ident;)*) => {
        /// A function of the language.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Function {
            $(
                #[doc = concat!("`", $name, "`")]
                $function,
            )*
        }

        impl Function {
            /// Every function, by name.
            pub const ALL: &[Self] = &[$(Self::$function),*];

            /// Returns the arguments and the value of the function.
            #[must_use]
            pub const fn signature(self) -> &'static Signature {
                match self {
                    $(Self::$function => const {
                        &Signature {
                            name: $name,
                            argument_types: &[$($argument),*],
                            argument_count: $count,
                            return_type: $return,
                            is_experimental: stability!($stability),
                        }
                    },)*
                }
            }

            /// Returns the function of a name.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$function),)*
                    _ => None,
                }
            }
        }
    };
}

functions! {
    Abs, "abs", [Vector], Exact, Vector, stable;
    Absent, "absent", [Vector], Exact, Vector, stable;
    AbsentOverTime, "absent_over_time", [Matrix], Exact, Vector, stable;
    Acos, "acos", [Vector], Exact, Vector, stable;
    Acosh, "acosh", [Vector], Exact, Vector, stable;
    Asin, "asin", [Vector], Exact, Vector, stable;
    Asinh, "asinh", [Vector], Exact, Vector, stable;
    Atan, "atan", [Vector], Exact, Vector, stable;
    Atanh, "atanh", [Vector], Exact, Vector, stable;
    AvgOverTime, "avg_over_time", [Matrix], Exact, Vector, stable;
    Ceil, "ceil", [Vector], Exact, Vector, stable;
    Changes, "changes", [Matrix], Exact, Vector, stable;
    Clamp, "clamp", [Vector, Scalar, Scalar], Exact, Vector, stable;
    ClampMax, "clamp_max", [Vector, Scalar], Exact, Vector, stable;
    ClampMin, "clamp_min", [Vector, Scalar], Exact, Vector, stable;
    Cos, "cos", [Vector], Exact, Vector, stable;
    Cosh, "cosh", [Vector], Exact, Vector, stable;
    CountOverTime, "count_over_time", [Matrix], Exact, Vector, stable;
    DayOfMonth, "day_of_month", [Vector], Optional(1), Vector, stable;
    DayOfWeek, "day_of_week", [Vector], Optional(1), Vector, stable;
    DayOfYear, "day_of_year", [Vector], Optional(1), Vector, stable;
    DaysInMonth, "days_in_month", [Vector], Optional(1), Vector, stable;
    Deg, "deg", [Vector], Exact, Vector, stable;
    Delta, "delta", [Matrix], Exact, Vector, stable;
    Deriv, "deriv", [Matrix], Exact, Vector, stable;
    DoubleExponentialSmoothing, "double_exponential_smoothing", [Matrix, Scalar, Scalar], Exact, Vector, experimental;
    End, "end", [], Exact, Scalar, experimental;
    Exp, "exp", [Vector], Exact, Vector, stable;
    FirstOverTime, "first_over_time", [Matrix], Exact, Vector, experimental;
    Floor, "floor", [Vector], Exact, Vector, stable;
    HistogramAvg, "histogram_avg", [Vector], Exact, Vector, stable;
    HistogramCount, "histogram_count", [Vector], Exact, Vector, stable;
    HistogramFraction, "histogram_fraction", [Scalar, Scalar, Vector], Exact, Vector, stable;
    HistogramQuantile, "histogram_quantile", [Scalar, Vector], Exact, Vector, stable;
    HistogramQuantiles, "histogram_quantiles", [Vector, String, Scalar, Scalar], Optional(9), Vector, experimental;
    HistogramStddev, "histogram_stddev", [Vector], Exact, Vector, stable;
    HistogramStdvar, "histogram_stdvar", [Vector], Exact, Vector, stable;
    HistogramSum, "histogram_sum", [Vector], Exact, Vector, stable;
    Hour, "hour", [Vector], Optional(1), Vector, stable;
    Idelta, "idelta", [Matrix], Exact, Vector, stable;
    Increase, "increase", [Matrix], Exact, Vector, stable;
    Info, "info", [Vector, Vector], Optional(1), Vector, experimental;
    Irate, "irate", [Matrix], Exact, Vector, stable;
    LabelJoin, "label_join", [Vector, String, String, String], AtLeast, Vector, stable;
    LabelReplace, "label_replace", [Vector, String, String, String, String], Exact, Vector, stable;
    LastOverTime, "last_over_time", [Matrix], Exact, Vector, stable;
    Ln, "ln", [Vector], Exact, Vector, stable;
    Log10, "log10", [Vector], Exact, Vector, stable;
    Log2, "log2", [Vector], Exact, Vector, stable;
    MadOverTime, "mad_over_time", [Matrix], Exact, Vector, experimental;
    MaxOf, "max_of", [Scalar, Scalar], Exact, Scalar, experimental;
    MaxOverTime, "max_over_time", [Matrix], Exact, Vector, stable;
    MinOf, "min_of", [Scalar, Scalar], Exact, Scalar, experimental;
    MinOverTime, "min_over_time", [Matrix], Exact, Vector, stable;
    Minute, "minute", [Vector], Optional(1), Vector, stable;
    Month, "month", [Vector], Optional(1), Vector, stable;
    Pi, "pi", [], Exact, Scalar, stable;
    PredictLinear, "predict_linear", [Matrix, Scalar], Exact, Vector, stable;
    PresentOverTime, "present_over_time", [Matrix], Exact, Vector, stable;
    QuantileOverTime, "quantile_over_time", [Scalar, Matrix], Exact, Vector, stable;
    Rad, "rad", [Vector], Exact, Vector, stable;
    Range, "range", [], Exact, Scalar, experimental;
    Rate, "rate", [Matrix], Exact, Vector, stable;
    Resets, "resets", [Matrix], Exact, Vector, stable;
    Round, "round", [Vector, Scalar], Optional(1), Vector, stable;
    Scalar, "scalar", [Vector], Exact, Scalar, stable;
    Sgn, "sgn", [Vector], Exact, Vector, stable;
    Sin, "sin", [Vector], Exact, Vector, stable;
    Sinh, "sinh", [Vector], Exact, Vector, stable;
    Sort, "sort", [Vector], Exact, Vector, stable;
    SortByLabel, "sort_by_label", [Vector, String], AtLeast, Vector, experimental;
    SortByLabelDesc, "sort_by_label_desc", [Vector, String], AtLeast, Vector, experimental;
    SortDesc, "sort_desc", [Vector], Exact, Vector, stable;
    Sqrt, "sqrt", [Vector], Exact, Vector, stable;
    Start, "start", [], Exact, Scalar, experimental;
    StartTimestamp, "start_timestamp", [Vector], Exact, Vector, experimental;
    StddevOverTime, "stddev_over_time", [Matrix], Exact, Vector, stable;
    StdvarOverTime, "stdvar_over_time", [Matrix], Exact, Vector, stable;
    Step, "step", [], Exact, Scalar, experimental;
    SumOverTime, "sum_over_time", [Matrix], Exact, Vector, stable;
    Tan, "tan", [Vector], Exact, Vector, stable;
    Tanh, "tanh", [Vector], Exact, Vector, stable;
    Time, "time", [], Exact, Scalar, stable;
    Timestamp, "timestamp", [Vector], Exact, Vector, stable;
    TsOfFirstOverTime, "ts_of_first_over_time", [Matrix], Exact, Vector, experimental;
    TsOfLastOverTime, "ts_of_last_over_time", [Matrix], Exact, Vector, experimental;
    TsOfMaxOverTime, "ts_of_max_over_time", [Matrix], Exact, Vector, experimental;
    TsOfMinOverTime, "ts_of_min_over_time", [Matrix], Exact, Vector, experimental;
    Vector, "vector", [Scalar], Exact, Vector, stable;
    Year, "year", [Vector], Optional(1), Vector, stable;
}

impl Function {
    /// Returns the name in queries.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.signature().name
    }
}
