//! Tables in Markdown.

/// Which value is the better one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Better {
    Higher,
    Lower,
    /// A fact of the run, for which there is no ratio.
    Neither,
}

/// Prints the heads of a table: a title, the names of the servers of which ours is the first, and a ratio for each of the others.
pub(crate) fn print_head(title: &str, names: &[&str]) {
    let ratios: Vec<String> = names[1..].iter().map(|name| format!("ours to {name}")).collect();
    println!("\n| {title} | {} | {} |", names.join(" | "), ratios.join(" | "));
    println!("|{}", "---|".repeat(2 * names.len()));
}

/// Prints the values of the servers, ours first, and how many times better ours is than each of the others.
pub(crate) fn print_row(title: &str, values: &[f64], decimals: usize, better: Better) {
    let cells: Vec<String> = values.iter().map(|value| number(*value, decimals)).collect();
    let ratio = |theirs: &f64| {
        let ratio = match better {
            Better::Higher => values[0] / theirs,
            Better::Lower => theirs / values[0],
            Better::Neither => f64::NAN,
        };
        if ratio.is_finite() { format!("{ratio:.2} x") } else { String::new() }
    };
    let ratios: Vec<String> = values[1..].iter().map(ratio).collect();
    println!("| {title} | {} | {} |", cells.join(" | "), ratios.join(" | "));
}

/// Prints a row of texts, without ratios.
pub(crate) fn print_texts(title: &str, texts: &[&str]) {
    println!("| {title} | {} |{}", texts.join(" | "), " |".repeat(texts.len() - 1));
}

/// Returns a number with its thousands separated.
fn number(value: f64, decimals: usize) -> String {
    if value.is_nan() {
        return "-".to_owned();
    }
    let text = format!("{value:.decimals$}");
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at) % 3 == 0 && !grouped.ends_with('-') {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if fraction.is_empty() { grouped } else { format!("{grouped}.{fraction}") }
}
