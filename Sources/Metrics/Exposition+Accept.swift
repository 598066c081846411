extension Exposition.Format {
  /// The format for a client that says what it takes (RFC 9110, section 12.5.1).
  ///
  /// OpenMetrics goes to who names it, in a version we have or in none, and prefers nothing else
  /// that we have: so to every Prometheus, and not to a browser, whose `*/*` is content with what
  /// people can read. Who takes neither gets the older format: a text is better than a refusal.
  package init(accept fields: [String]) {
    var open = 0.0
    var plain = 0.0
    for range in fields.flatMap({ $0.split(separator: ",") }).map(MediaRange.init) {
      switch range.type {
      case "application/openmetrics-text" where range.isVersion("1."):
        open = max(open, range.weight)
      case "text/plain" where range.isVersion("0.0.4"): plain = max(plain, range.weight)
      case "text/*", "*/*": plain = max(plain, range.weight)
      default: break
      }
    }
    self = open > 0 && open >= plain ? .openMetrics : .prometheus
  }
}

/// One choice in an `Accept` header.
private struct MediaRange {
  /// In lower case.
  let type: String
  /// 0 to 1; what cannot be read is 0, so that nobody gets what he may not have meant.
  let weight: Double
  /// In lower case, without quotes; nil where none is asked for.
  let version: String?

  init(_ text: Substring) {
    let parts = text.split(separator: ";", omittingEmptySubsequences: false)
      .map { Self.trimmed($0).lowercased() }
    type = parts[0]
    var weight: Double? = 1
    var version: String?
    for part in parts.dropFirst() {
      let pair = part.split(separator: "=", maxSplits: 1).map { Self.trimmed($0) }
      guard pair.count == 2 else { continue }
      switch pair[0] {
      case "q": weight = Double(pair[1]).flatMap { (0...1).contains($0) ? $0 : nil }
      case "version": version = String(pair[1].filter { $0 != "\"" })
      default: break
      }
    }
    self.weight = weight ?? 0
    self.version = version
  }

  func isVersion(_ prefix: String) -> Bool { version?.hasPrefix(prefix) ?? true }

  private static func trimmed(_ text: some StringProtocol) -> Substring {
    Substring(text).drop { $0 == " " || $0 == "\t" }.trimmingEnd()
  }
}

extension Substring {
  fileprivate func trimmingEnd() -> Substring {
    var text = self
    while text.last == " " || text.last == "\t" { text.removeLast() }
    return text
  }
}
