/// A place in a configuration file. Lines and columns count from 1; columns count Unicode scalars,
/// as editors show them for ordinary text.
package struct ConfigPosition: Hashable, Comparable, Sendable {
  package let line: Int
  package let column: Int

  package init(line: Int, column: Int) {
    self.line = line
    self.column = column
  }

  package static func < (left: ConfigPosition, right: ConfigPosition) -> Bool {
    (left.line, left.column) < (right.line, right.column)
  }

  /// Stands for the file as a whole: it cannot be read, it is too large.
  package static let wholeFile = ConfigPosition(line: 0, column: 0)
}

/// One thing that is wrong with a configuration file: where, what, what was expected, and a way out
/// where there is a likely one.
///
/// Never carries a secret: `message` does not quote values of `kafka.properties`, a value that came
/// from the environment and cannot be read is quoted as its reference, and `excerpt` is cut before
/// the values of properties.
package struct ConfigFault: Hashable, Sendable {
  /// The configuration file, as it was named to the loader.
  package let path: String
  /// `ConfigPosition.wholeFile` (0, 0) where the fault is about no place in the file.
  package let position: ConfigPosition
  /// `sources[0].time.unit`; empty where the fault lies in the YAML itself.
  package let keyPath: String
  /// What is wrong and what is expected: one sentence without a full stop.
  package let message: String
  /// What to write or do instead, or nil: one sentence without a full stop.
  package let suggestion: String?
  /// The line of the file at `position`, or nil; secrets are cut off.
  package let excerpt: String?

  package var line: Int { position.line }
  package var column: Int { position.column }

  package init(
    path: String, position: ConfigPosition, keyPath: String, message: String,
    suggestion: String? = nil, excerpt: String? = nil
  ) {
    self.path = path
    self.position = position
    self.keyPath = keyPath
    self.message = message
    self.suggestion = suggestion
    self.excerpt = excerpt
  }

  /// The block a terminal shows, in the form compilers use:
  ///
  ///     downlinkd.yaml:18:5: error: sources[0].topic: unknown key; expected one of name, …
  ///        18 |     topic: [telemetry]
  ///           |     ^
  ///           = did you mean `topics`?
  package var rendered: String {
    var head = path
    if position != .wholeFile { head += ":\(line):\(column)" }
    head += ": error: "
    if !keyPath.isEmpty { head += keyPath + ": " }
    var lines = [head + message]
    let number = String(line)
    let gutter = String(repeating: " ", count: max(5, number.count + 1))
    if let excerpt {
      lines.append(gutter.dropLast(number.count) + number + " | " + excerpt)
      // Tabs are kept, so that the mark stands under its column whatever a terminal makes of them.
      let pad = excerpt.unicodeScalars.prefix(column - 1).map { $0 == "\t" ? "\t" : " " }.joined()
      let gap = max(0, column - 1 - excerpt.unicodeScalars.count)
      lines.append(gutter + " | " + pad + String(repeating: " ", count: gap) + "^")
    }
    if let suggestion { lines.append(gutter + " = " + suggestion) }
    return lines.joined(separator: "\n")
  }
}

/// Every fault of a configuration, in the order of the file.
///
/// **Invariants:** never empty; sorted by position; no fault twice.
package struct ConfigFaults: Error, Sendable, CustomStringConvertible {
  package let faults: [ConfigFault]

  /// - Precondition: at least one fault.
  package init(_ faults: [ConfigFault]) {
    precondition(!faults.isEmpty, "faults are thrown only when there is one")
    var seen: Set<ConfigFault> = []
    let distinct = faults.filter { seen.insert($0).inserted }
    self.faults = distinct.enumerated()
      .sorted { ($0.element.position, $0.offset) < ($1.element.position, $1.offset) }
      .map(\.element)
  }

  /// What a terminal shows: one block a fault, then how many there are.
  package var description: String {
    let count = faults.count == 1 ? "1 fault" : "\(faults.count) faults"
    return faults.map(\.rendered).joined(separator: "\n") + "\n\(count)"
  }
}
