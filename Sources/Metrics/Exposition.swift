/// Writes metrics as a text: families one after the other, each with its help, its type and its
/// samples, in one of two formats.
///
///     # HELP downlink_dead_letters_total Rows that could not be read, by reason.
///     # TYPE downlink_dead_letters_total counter
///     downlink_dead_letters_total{reason="malformed"} 12
///
/// The Prometheus text format, version 0.0.4, has names of samples in its comments. OpenMetrics 1.0
/// has names of families there, without `_total` and `_info`, units of their own, and an end:
///
///     # HELP downlink_process_cpu_seconds User and system time of all threads.
///     # TYPE downlink_process_cpu_seconds counter
///     # UNIT downlink_process_cpu_seconds seconds
///     downlink_process_cpu_seconds_total 12.5
///     # EOF
///
/// Samples are the same in both, to the byte: what a server stores does not depend on what it asked
/// for. So buckets are called `le="1.0"`, as OpenMetrics wants it, in both, and there are no
/// `_created` samples, which a Prometheus would keep as series of their own: everything counts
/// since `downlink_process_start_time_seconds`.
///
/// A family without samples keeps its help and type, so that a scrape shows what there can be.
/// The order is the caller's: the same calls give the same bytes.
///
/// Invariants, whose breach would make Prometheus refuse the whole scrape: a family is begun once,
/// and a sample has as many label values as its family has labels. That no two samples of a family
/// have the same labels is the caller's to see to.
/// Cost: about a tenth of a microsecond a sample.
///
/// Formats: prometheus.io/docs/instrumenting/exposition_formats, "Text-based format";
/// prometheus.io/docs/specs/om/open_metrics_spec, "Text Format".
package struct Exposition: Sendable {
  /// What the text is written in.
  package enum Format: Hashable, Sendable, CaseIterable {
    case prometheus, openMetrics

    /// What it is called in `Content-Type`.
    package var contentType: String {
      switch self {
      case .prometheus: "text/plain; version=0.0.4; charset=utf-8"
      case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
      }
    }
  }

  package let format: Format
  package private(set) var bytes: [UInt8] = []
  private var begun: Set<String> = []
  private var family: MetricDefinition?

  package init(_ format: Format = .prometheus, capacity: Int = 0) {
    self.format = format
    bytes.reserveCapacity(capacity)
  }

  /// The text so far.
  package var text: String { String(decoding: bytes, as: UTF8.self) }

  /// Begins the family that the next samples belong to.
  package mutating func begin(_ definition: MetricDefinition) {
    precondition(begun.insert(definition.name).inserted, "\(definition.name) is begun once")
    family = definition
    let name = format == .openMetrics ? definition.familyName : definition.name
    append("# HELP ", name)
    bytes.append(UInt8(ascii: " "))
    appendEscaped(definition.help, quotes: format == .openMetrics)
    append("\n# TYPE ", name)
    append(" ", type(of: definition))
    if format == .openMetrics, let unit = definition.unit.name {
      append("\n# UNIT ", name)
      append(" ", unit)
    }
    bytes.append(UInt8(ascii: "\n"))
  }

  /// The older format has no info: it is a gauge there.
  private func type(of definition: MetricDefinition) -> String {
    if format == .prometheus, definition.kind == .info { return "gauge" }
    return definition.kind.rawValue
  }

  /// Ends the text; nothing may follow.
  package mutating func end() {
    if format == .openMetrics { append("# EOF", "\n") }
    family = nil
  }

  /// A sample of a counter or gauge.
  package mutating func add(_ values: [String] = [], _ value: Int64) {
    let family = current(values)
    precondition(family.kind != .histogram, "\(family.name) takes a histogram")
    appendSeries(family, values: values)
    append(" ", value.description)
    bytes.append(UInt8(ascii: "\n"))
  }

  /// A sample of a counter or gauge; NaN and infinities are legal.
  package mutating func add(_ values: [String] = [], _ value: Double) {
    let family = current(values)
    precondition(family.kind != .histogram, "\(family.name) takes a histogram")
    appendSeries(family, values: values)
    append(" ", Self.text(value))
    bytes.append(UInt8(ascii: "\n"))
  }

  /// 1 or 0.
  package mutating func add(_ values: [String] = [], _ value: Bool) {
    add(values, value ? 1 as Int64 : 0)
  }

  /// A histogram: its buckets, cumulated, then its sum and its count.
  package mutating func add(_ values: [String] = [], _ histogram: Histogram) {
    let family = current(values)
    precondition(family.kind == .histogram, "\(family.name) takes numbers")
    var total: Int64 = 0
    for (index, count) in histogram.counts.enumerated() {
      total += count
      let isLast = index == histogram.bounds.count
      let bound = isLast ? "+Inf" : Self.boundText(histogram.bounds[index])
      appendSeries(family, suffix: "_bucket", values: values, bound: bound)
      append(" ", total.description)
      bytes.append(UInt8(ascii: "\n"))
    }
    appendSeries(family, suffix: "_sum", values: values)
    append(" ", Self.text(histogram.sum))
    bytes.append(UInt8(ascii: "\n"))
    appendSeries(family, suffix: "_count", values: values)
    append(" ", total.description)
    bytes.append(UInt8(ascii: "\n"))
  }

  /// A number as the format has it: whole numbers without a point, `NaN`, `+Inf`, `-Inf`, else the
  /// shortest digits that read back as the same double.
  package static func text(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    // Up to here every whole double has its own integer.
    if let whole = Int64(exactly: value), whole.magnitude < 1 << 53 { return whole.description }
    return value.description
  }

  /// A bound of a histogram: always with a point, as OpenMetrics has it ("Canonical Numbers").
  package static func boundText(_ value: Double) -> String {
    let text = text(value)
    return text.utf8.allSatisfy { (0x30...0x39).contains($0) || $0 == 0x2D } ? text + ".0" : text
  }

  // MARK: - Bytes

  private func current(_ values: [String]) -> MetricDefinition {
    guard let family else { preconditionFailure("a sample needs a family") }
    precondition(
      values.count == family.labels.count, "\(family.name) has labels \(family.labels)")
    return family
  }

  /// `name_suffix{label="value",le="bound"}`.
  private mutating func appendSeries(
    _ family: MetricDefinition, suffix: String = "", values: [String], bound: String? = nil
  ) {
    append(family.name, suffix)
    guard !values.isEmpty || bound != nil else { return }
    bytes.append(UInt8(ascii: "{"))
    for index in values.indices {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      append(family.labels[index], "=\"")
      appendEscaped(values[index], quotes: true)
      bytes.append(UInt8(ascii: "\""))
    }
    if let bound {
      append(values.isEmpty ? "le=\"" : ",le=\"", bound)
      bytes.append(UInt8(ascii: "\""))
    }
    bytes.append(UInt8(ascii: "}"))
  }

  private mutating func append(_ first: String, _ second: String) {
    bytes.append(contentsOf: first.utf8)
    bytes.append(contentsOf: second.utf8)
  }

  /// Backslash and line feed are escaped everywhere, quotes in label values only.
  private mutating func appendEscaped(_ text: String, quotes: Bool) {
    for byte in text.utf8 {
      switch byte {
      case UInt8(ascii: "\\"): bytes.append(contentsOf: #"\\"#.utf8)
      case 0x0A: bytes.append(contentsOf: #"\n"#.utf8)
      case UInt8(ascii: "\"") where quotes: bytes.append(contentsOf: #"\""#.utf8)
      default: bytes.append(byte)
      }
    }
  }
}
