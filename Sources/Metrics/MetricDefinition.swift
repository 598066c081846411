/// What a metric is, as data: the text exposition, docs/METRICS.md and the test that compares the
/// two are made from the same list of these.
///
/// **Invariants:** the name is legal in Prometheus and ends as its kind and unit demand: counters
/// in `_total`, infos in `_info`, seconds in `_seconds`, bytes in `_bytes`; nothing ends in what
/// OpenMetrics keeps for samples (`_created`, `_bucket`, `_count`, `_sum`). A definition that
/// breaks them is our bug and stops the program when the list is first used, which every test does.
package struct MetricDefinition: Hashable, Sendable {
  /// The types that we use, as OpenMetrics calls them.
  package enum Kind: String, Sendable {
    case counter, gauge, histogram
    /// Always 1: the labels are the message.
    case info
  }

  /// What one of it is. Base units only, as Prometheus wants them.
  package enum Unit: String, Sendable {
    case seconds, bytes
    /// Things that are counted: records, rows, commits. The name says which.
    case count
    /// 1 or 0; or always 1, where the labels are the message.
    case flag

    /// As OpenMetrics has it: what stands at the end of the family's name; nil for what is
    /// counted.
    package var name: String? {
      switch self {
      case .seconds, .bytes: rawValue
      case .count, .flag: nil
      }
    }
  }

  package let name: String
  package let kind: Kind
  package let unit: Unit
  /// Names, in the order in which samples give their values.
  package let labels: [String]
  /// One sentence without a line break: what it means, not what to do about it.
  package let help: String

  package init(
    _ name: String, _ kind: Kind, _ unit: Unit, labels: [String] = [], help: String
  ) {
    precondition(Self.isName(name), "\(name) is no name of a metric")
    precondition(labels.allSatisfy(Self.isLabel), "a label of \(name) has no legal name")
    precondition(Set(labels).count == labels.count, "\(name) has a label twice")
    precondition(!help.isEmpty && !help.utf8.contains(0x0A), "\(name) needs one line of help")
    precondition(
      name.hasSuffix("_total") == (kind == .counter), "counters, and only they, end in _total")
    precondition(name.hasSuffix("_info") == (kind == .info), "infos, and only they, end in _info")
    precondition(
      !["_created", "_bucket", "_count", "_sum"].contains { name.hasSuffix($0) },
      "\(name) ends as a sample of another does")
    let stem = kind == .counter ? String(name.dropLast("_total".count)) : name
    switch unit {
    case .seconds: precondition(stem.hasSuffix("_seconds"), "\(name) is in seconds")
    case .bytes: precondition(stem.hasSuffix("_bytes"), "\(name) is in bytes")
    case .count, .flag: break
    }
    self.name = name
    self.kind = kind
    self.unit = unit
    self.labels = labels
    self.help = help
  }

  /// The name of the family in OpenMetrics: what `_total` and `_info` are added to.
  package var familyName: String {
    switch kind {
    case .counter: String(name.dropLast("_total".count))
    case .info: String(name.dropLast("_info".count))
    case .gauge, .histogram: name
    }
  }

  /// Lower-case words: stricter than Prometheus, which also allows colons and capitals.
  private static func isName(_ text: String) -> Bool {
    guard let first = text.utf8.first, isLetter(first) else { return false }
    return text.utf8.allSatisfy { isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") }
  }

  /// `le` is the histogram's own, and names beginning with two underscores are Prometheus's.
  private static func isLabel(_ text: String) -> Bool {
    isName(text) && text != "le" && text != "quantile"
  }

  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
  }

  private static func isDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }
}
