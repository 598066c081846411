internal import Base

extension Configuration {
  /// Sixteen hexadecimal digits that change when, and only when, something changes that the rows of
  /// the tables depend on: sources, event time, windows, detectors. Ledger entries carry it.
  ///
  /// It is xxHash64 of `canonicalText`: equal texts, equal fingerprints, in every release that
  /// writes the same first line.
  package var fingerprint: String {
    RandomID.hex(XXHash64.hash(Array(canonicalText.utf8)))
  }

  /// The text behind the fingerprint: two texts can be compared line by line to see what changed.
  ///
  /// The first line is the version of this form. Each further line is one value with its path:
  /// `source "snapshots" topics ["telemetry"]`. Sources, windows and detectors are sorted by name;
  /// within one the lines have a fixed order. Lists whose order means nothing (topics, aggregates,
  /// globs) are sorted; attributes and metrics keep theirs, which is the order of the columns.
  /// Durations and times are whole microseconds, numbers the shortest decimal that reads back,
  /// texts JSON strings. Defaults are written out, but for what a statistical detector chooses for
  /// itself and for limits of records that are the usual ones; event time stands with each source
  /// as it holds there. A descriptor set counts by the hash of its bytes, not by its path.
  package var canonicalText: String {
    var out = CanonicalText()
    for source in sources.sorted(by: { $0.name < $1.name }) { out.write(source, schemaRegistry) }
    for window in windows.sorted(by: { $0.name < $1.name }) { out.write(window) }
    for detector in detectors.sorted(by: { $0.name < $1.name }) { out.write(detector) }
    return out.text
  }
}

private struct CanonicalText {
  private(set) var text = "downlink configuration 2\n"
  private var subject = ""

  private mutating func line(_ key: String, _ value: String) {
    text += "\(subject) \(key) \(value)\n"
  }

  private mutating func line(_ key: String, _ value: Int64) { line(key, String(value)) }

  private mutating func line(_ key: String, text: String) { line(key, Self.json(text)) }

  private mutating func line(_ key: String, texts: [String]) {
    line(key, "[" + texts.map(Self.json).joined(separator: ",") + "]")
  }

  mutating func write(
    _ source: Configuration.Source, _ registry: Configuration.SchemaRegistry?
  ) {
    subject = "source " + Self.json(source.name)
    line("topics", texts: source.topics.sorted())
    line("message", text: source.message)
    if let set = source.descriptorSet {
      line("descriptor_set", RandomID.hex(XXHash64.hash(set.bytes)))
    }
    // What was there before envelopes were keeps its fingerprint.
    if source.envelope != .none {
      line("envelope", source.envelope.rawValue)
      // Whether ids are judged, and what they mean.
      if let registry { line("schema_registry", text: registry.url) }
    }
    if let rows = source.rows { line("rows", text: rows) }
    switch source.device {
    case .field(let path): line("device", text: path)
    case .recordKey: line("device", "$key")
    case .header(let name): line("device", "$header." + Self.json(name))
    }
    line("time.field", text: source.time.field)
    if let unit = source.time.unit { line("time.unit", unit.rawValue) }
    if let sequence = source.sequence { line("sequence", text: sequence) }
    line("attributes", texts: source.attributes.map(\.shown))
    switch source.metrics {
    case .all: line("metrics", "all")
    case .narrow(let name, let value): line("metric", texts: [name, value])
    case .fields(let fields):
      for field in fields {
        line("metrics", texts: [field.field, field.name] + (field.unit.map { [$0] } ?? []))
        if let key = field.key { line("metrics.key", texts: [field.name, key]) }
      }
    }
    if source.implicitZero { line("implicit_zero", "true") }
    if let deduplication = source.deduplication {
      line("deduplicate.by", deduplication.by.rawValue)
      line("deduplicate.within", deduplication.withinMicros)
      line("deduplicate.records", Int64(deduplication.recordCountMax))
    }
    write(source.limits)
    let time = source.eventTime
    line("out_of_orderness", time.outOfOrdernessMicros)
    line("allowed_lateness", time.allowedLatenessMicros)
    line("max_future_skew", time.maxFutureSkewMicros)
    line("plausible_from", time.plausibleFromMicros)
    line("device_idle", time.deviceIdleMicros)
    // What holds where nothing is said has no line: this form is older.
    if time.partitionIdleMicros != time.standardPartitionIdleMicros {
      line("partition_idle", time.partitionIdleMicros.map { "\($0)" } ?? "never")
    }
  }

  /// Where they are those of every file that says nothing there is no line: this form is older than
  /// the limits.
  private mutating func write(_ limits: Configuration.RecordLimits) {
    let standard = Configuration.RecordLimits.standard
    if limits.messageByteCountMax != standard.messageByteCountMax {
      line("limits.message", limits.messageByteCountMax)
    }
    for (limit, usual) in zip(limits.counts, standard.counts) where limit.count != usual.count {
      line("limits.\(limit.key)", Int64(limit.count))
    }
  }

  mutating func write(_ window: Configuration.Window) {
    subject = "window " + Self.json(window.name)
    line("size", window.sizeMicros)
    line("slide", window.slideMicros)
    line("aggregates", texts: window.aggregates.map(\.rawValue).sorted())
    line("sources", texts: window.sources.map(\.pattern).sorted())
    line("metrics", texts: window.metrics.map(\.pattern).sorted())
  }

  mutating func write(_ detector: Configuration.Detector) {
    subject = "detector " + Self.json(detector.name)
    line("source", text: detector.source.pattern)
    if let metric = detector.metric { line("metric", text: metric.pattern) }
    switch detector.rule {
    case .silence(let after): line("silence.after", after)
    case .statistical(let rule):
      for (key, micros) in rule.durations {
        if let micros { line("\(rule.kind.rawValue).\(key)", micros) }
      }
      line("\(rule.kind.rawValue).min_change", Self.number(rule.changeMin))
    case .limits(let limits):
      for (level, bounds) in [("warning", limits.warning), ("critical", limits.critical)] {
        if let low = bounds?.low { line("limits.\(level).below", Self.number(low)) }
        if let high = bounds?.high { line("limits.\(level).above", Self.number(high)) }
      }
      line("limits.clear_margin", Self.number(limits.clearMargin))
      switch limits.persistence {
      case .readings(let count): line("limits.readings", Int64(count))
      case .duration(let micros): line("limits.for", micros)
      }
    }
    line("open_max", Int64(detector.openCountMax))
  }

  /// −0 and 0 are the same limit.
  private static func number(_ value: Double) -> String { String(value == 0 ? 0 : value) }

  private static func json(_ text: String) -> String {
    var json = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": json += "\\\(scalar)"
      default:
        if scalar.value < 0x20 {
          let code = String(scalar.value, radix: 16)
          json += "\\u" + String(repeating: "0", count: 4 - code.count) + code
        } else {
          json.unicodeScalars.append(scalar)
        }
      }
    }
    return json + "\""
  }
}
