// The words of PromQL: functions with what they take and do, aggregations, operators.

/** Functions: name, arguments, what it returns. */
export const FUNCTIONS = [
  ["abs", "v", "absolute values"],
  ["absent", "v", "1 if the vector is empty"],
  ["absent_over_time", "v[d]", "1 if the range is empty"],
  ["acos", "v", "arc cosines"],
  ["acosh", "v", "inverse hyperbolic cosines"],
  ["asin", "v", "arc sines"],
  ["asinh", "v", "inverse hyperbolic sines"],
  ["atan", "v", "arc tangents"],
  ["atanh", "v", "inverse hyperbolic tangents"],
  ["avg_over_time", "v[d]", "mean of each range"],
  ["ceil", "v", "values rounded up"],
  ["changes", "v[d]", "how often the value changed"],
  ["clamp", "v, min, max", "values bounded on both sides"],
  ["clamp_max", "v, max", "values bounded above"],
  ["clamp_min", "v, min", "values bounded below"],
  ["cos", "v", "cosines"],
  ["cosh", "v", "hyperbolic cosines"],
  ["count_over_time", "v[d]", "number of points of each range"],
  ["day_of_month", "v", "day of the month in UTC, from 1"],
  ["day_of_week", "v", "day of the week in UTC, Sunday is 0"],
  ["day_of_year", "v", "day of the year in UTC, from 1"],
  ["days_in_month", "v", "days of the month in UTC"],
  ["deg", "v", "radians as degrees"],
  ["delta", "v[d]", "difference of a gauge over the range"],
  ["deriv", "v[d]", "slope of a gauge per second, by regression"],
  ["double_exponential_smoothing", "v[d], sf, tf", "smoothed value (experimental)"],
  ["exp", "v", "exponential function"],
  ["first_over_time", "v[d]", "oldest value of each range (experimental)"],
  ["floor", "v", "values rounded down"],
  ["histogram_avg", "v", "mean of native histograms"],
  ["histogram_count", "v", "count of native histograms"],
  ["histogram_fraction", "low, high, v", "part of a histogram between two values"],
  ["histogram_quantile", "q, v", "quantile of histogram buckets; aggregate by le"],
  ["histogram_stddev", "v", "standard deviation of native histograms"],
  ["histogram_stdvar", "v", "variance of native histograms"],
  ["histogram_sum", "v", "sum of native histograms"],
  ["hour", "v", "hour of the day in UTC"],
  ["idelta", "v[d]", "difference of the last two points"],
  ["increase", "v[d]", "increase of a counter over the range"],
  ["info", "v, selector", "adds labels of info metrics (experimental)"],
  ["irate", "v[d]", "increase per second between the last two points"],
  ["label_join", "v, to, separator, from...", "joins labels into one"],
  ["label_replace", "v, to, replacement, from, pattern", "sets a label from another one"],
  ["last_over_time", "v[d]", "newest value of each range"],
  ["ln", "v", "natural logarithms"],
  ["log10", "v", "logarithms to base 10"],
  ["log2", "v", "logarithms to base 2"],
  ["mad_over_time", "v[d]", "median absolute deviation (experimental)"],
  ["max_over_time", "v[d]", "greatest value of each range"],
  ["min_over_time", "v[d]", "least value of each range"],
  ["minute", "v", "minute of the hour in UTC"],
  ["month", "v", "month of the year in UTC, from 1"],
  ["pi", "", "3.14159..."],
  ["predict_linear", "v[d], seconds", "value expected some seconds later, by regression"],
  ["present_over_time", "v[d]", "1 for each series with a point in the range"],
  ["quantile_over_time", "q, v[d]", "quantile of each range"],
  ["rad", "v", "degrees as radians"],
  ["rate", "v[d]", "increase of a counter per second"],
  ["resets", "v[d]", "how often a counter was reset"],
  ["round", "v, to", "values rounded to a multiple"],
  ["scalar", "v", "value of a vector of one series"],
  ["sgn", "v", "signs: -1, 0 or 1"],
  ["sin", "v", "sines"],
  ["sinh", "v", "hyperbolic sines"],
  ["sort", "v", "series by value, ascending (tables only)"],
  ["sort_by_label", "v, label...", "series by labels (experimental)"],
  ["sort_by_label_desc", "v, label...", "series by labels, descending (experimental)"],
  ["sort_desc", "v", "series by value, descending (tables only)"],
  ["sqrt", "v", "square roots"],
  ["stddev_over_time", "v[d]", "standard deviation of each range"],
  ["stdvar_over_time", "v[d]", "variance of each range"],
  ["sum_over_time", "v[d]", "sum of each range"],
  ["tan", "v", "tangents"],
  ["tanh", "v", "hyperbolic tangents"],
  ["time", "", "time of the step in seconds since 1970"],
  ["timestamp", "v", "time of each point in seconds since 1970"],
  ["vector", "s", "a scalar as a series without labels"],
  ["year", "v", "year in UTC"],
].map(([name, takes, about]) => ({ name, takes, about }));

/** Aggregations: name, parameter, what it returns. */
export const AGGREGATIONS = [
  ["avg", "", "mean of the series"],
  ["bottomk", "k", "the k series with the least values"],
  ["count", "", "number of series"],
  ["count_values", "label", "number of series by value"],
  ["group", "", "1 for each group"],
  ["limit_ratio", "ratio", "a part of the series (experimental)"],
  ["limitk", "k", "k series (experimental)"],
  ["max", "", "greatest value"],
  ["min", "", "least value"],
  ["quantile", "q", "quantile of the series"],
  ["stddev", "", "standard deviation of the series"],
  ["stdvar", "", "variance of the series"],
  ["sum", "", "sum of the series"],
  ["topk", "k", "the k series with the greatest values"],
].map(([name, parameter, about]) => ({ name, takes: parameter === "" ? "v" : `${parameter}, v`, about }));

/** Words that may follow a vector. */
export const KEYWORDS_AFTER_VECTOR = [
  ["and", "series that are on both sides"],
  ["or", "series of either side"],
  ["unless", "series that are not on the right side"],
  ["offset", "moves the time: offset 5m"],
  ["bool", "comparison as 0 or 1"],
  ["on", "matches by these labels"],
  ["ignoring", "matches by all other labels"],
  ["group_left", "many series on the left, one on the right"],
  ["group_right", "one series on the left, many on the right"],
  ["by", "groups of an aggregation: these labels"],
  ["without", "groups of an aggregation: all other labels"],
  ["atan2", "arc tangent of the quotient"],
].map(([name, about]) => ({ name, about }));

/** Words with labels in parentheses behind them. */
export const LABEL_LIST_WORDS = new Set(["by", "without", "on", "ignoring", "group_left", "group_right"]);

/** Durations that are offered in brackets. */
export const DURATIONS = ["1m", "5m", "10m", "15m", "30m", "1h", "2h", "6h", "12h", "1d", "1w"];

/** Names that are functions or aggregations. */
export const CALL_NAMES = new Set([...FUNCTIONS, ...AGGREGATIONS].map((word) => word.name));

/** Names that are keywords where a vector has ended. */
export const KEYWORD_NAMES = new Set([...KEYWORDS_AFTER_VECTOR.map((word) => word.name), "start", "end"]);
