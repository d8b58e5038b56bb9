//! Functions of one number, and operators of two.

use crate::ast::{BinaryOperator, Function};

/// Returns the function of one number with this name; `None` if the function is another one.
pub(crate) fn of_one(function: Function) -> Option<fn(f64) -> f64> {
    Some(match function {
        Function::Abs => f64::abs,
        Function::Ceil => f64::ceil,
        Function::Floor => f64::floor,
        Function::Exp => f64::exp,
        Function::Sqrt => f64::sqrt,
        Function::Ln => f64::ln,
        Function::Log2 => f64::log2,
        Function::Log10 => f64::log10,
        Function::Sin => f64::sin,
        Function::Cos => f64::cos,
        Function::Tan => f64::tan,
        Function::Asin => f64::asin,
        Function::Acos => f64::acos,
        Function::Atan => f64::atan,
        Function::Sinh => f64::sinh,
        Function::Cosh => f64::cosh,
        Function::Tanh => f64::tanh,
        Function::Asinh => f64::asinh,
        Function::Acosh => f64::acosh,
        Function::Atanh => f64::atanh,
        Function::Rad => |value| value * std::f64::consts::PI / 180.0,
        Function::Deg => |value| value * 180.0 / std::f64::consts::PI,
        Function::Sgn => sign,
        _ => return None,
    })
}

fn sign(value: f64) -> f64 {
    if value < 0.0 {
        -1.0
    } else if value > 0.0 {
        1.0
    } else {
        value
    }
}

/// Rounds to the nearest multiple; ties go up.
pub(crate) fn round(value: f64, to_nearest: f64) -> f64 {
    let inverse = 1.0 / to_nearest;
    (value * inverse + 0.5).floor() / inverse
}

/// Limits a value to a range. NaN of value or bounds makes the result NaN, except that `+Inf` wins where the larger of two
/// is taken, and `-Inf` where the smaller: so do Go's `math.Max` and `math.Min`, which the reference uses.
pub(crate) fn clamp(value: f64, least: f64, greatest: f64) -> f64 {
    nan_max(least, nan_min(greatest, value))
}

#[expect(clippy::float_cmp, reason = "an infinite value")]
fn nan_min(one: f64, other: f64) -> f64 {
    let least = f64::NEG_INFINITY;
    if one == least || other == least {
        return least;
    }
    if one.is_nan() || other.is_nan() { f64::NAN } else { one.min(other) }
}

#[expect(clippy::float_cmp, reason = "an infinite value")]
fn nan_max(one: f64, other: f64) -> f64 {
    let greatest = f64::INFINITY;
    if one == greatest || other == greatest {
        return greatest;
    }
    if one.is_nan() || other.is_nan() { f64::NAN } else { one.max(other) }
}

/// Returns the result of an arithmetic operator; NaN for another one.
#[inline]
pub(crate) fn arithmetic(operator: BinaryOperator, left: f64, right: f64) -> f64 {
    match operator {
        BinaryOperator::Add => left + right,
        BinaryOperator::Subtract => left - right,
        BinaryOperator::Multiply => left * right,
        BinaryOperator::Divide => left / right,
        BinaryOperator::Modulo => left % right,
        BinaryOperator::Power => left.powf(right),
        BinaryOperator::Atan2 => left.atan2(right),
        _ => f64::NAN,
    }
}

/// Returns the result of a comparison; `false` for another operator.
#[inline]
#[expect(clippy::float_cmp, reason = "the operators == and != of the language")]
pub(crate) fn compares(operator: BinaryOperator, left: f64, right: f64) -> bool {
    match operator {
        BinaryOperator::Equal => left == right,
        BinaryOperator::NotEqual => left != right,
        BinaryOperator::Less => left < right,
        BinaryOperator::LessOrEqual => left <= right,
        BinaryOperator::Greater => left > right,
        BinaryOperator::GreaterOrEqual => left >= right,
        _ => false,
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "the values are exact")]
mod tests {
    use super::*;

    #[test]
    fn rounding_and_clamping_follow_the_reference() {
        assert_eq!((round(-0.5, 1.0), round(2.5, 1.0), round(2.16, 0.1)), (0.0, 3.0, 2.2));
        assert_eq!((clamp(5.0, 1.0, 3.0), clamp(-5.0, 1.0, 3.0)), (3.0, 1.0));
        assert_eq!(clamp(f64::NAN, f64::INFINITY, f64::INFINITY), f64::INFINITY);
        assert_eq!(clamp(f64::NAN, f64::NEG_INFINITY, f64::NEG_INFINITY), f64::NEG_INFINITY);
        assert!(clamp(f64::NAN, 1.0, 3.0).is_nan() && clamp(1.0, f64::NAN, 3.0).is_nan());
        assert_eq!(clamp(f64::INFINITY, f64::NAN, f64::INFINITY), f64::INFINITY);
        assert!(clamp(f64::NEG_INFINITY, f64::NEG_INFINITY, f64::NAN) == f64::NEG_INFINITY);
        assert_eq!((sign(-3.0), sign(0.0), of_one(Function::Sgn).unwrap()(7.0)), (-1.0, 0.0, 1.0));
        assert!(of_one(Function::Rate).is_none());
    }

    #[test]
    fn operators_compute_and_compare() {
        assert_eq!(arithmetic(BinaryOperator::Modulo, -5.5, 2.0), -1.5);
        assert_eq!(arithmetic(BinaryOperator::Power, 2.0, 10.0), 1024.0);
        assert!(
            compares(BinaryOperator::GreaterOrEqual, 2.0, 2.0) && !compares(BinaryOperator::Equal, f64::NAN, f64::NAN)
        );
    }
}
