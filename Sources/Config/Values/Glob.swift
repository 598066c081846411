/// A pattern over names: `*` stands for any run of characters, `?` for exactly one, everything else
/// for itself; case counts. `battery_*` covers `battery_voltage_v`.
package struct Glob: Hashable, Sendable, CustomStringConvertible {
  /// The pattern as the file has it.
  package let pattern: String

  /// Covers every name.
  package static let all = Glob(pattern: "*")

  package init(pattern: String) { self.pattern = pattern }

  package var description: String { pattern }

  /// Whether the pattern has no wildcard, so that it covers one name only.
  package var isLiteral: Bool { !pattern.utf8.contains { $0 == Self.star || $0 == Self.question } }

  private static let star = UInt8(ascii: "*")
  private static let question = UInt8(ascii: "?")

  /// Whether the pattern covers the whole of `name`.
  ///
  /// Cost: at most the product of the lengths, no recursion: only the last `*` is ever taken back,
  /// which is enough because an earlier one could not match more than a later one does.
  package func matches(_ name: String) -> Bool {
    let pattern = Array(self.pattern.unicodeScalars)
    let name = Array(name.unicodeScalars)
    var patternIndex = 0
    var nameIndex = 0
    var restart: (patternIndex: Int, nameIndex: Int)?
    while nameIndex < name.count {
      if patternIndex < pattern.count, pattern[patternIndex] == "*" {
        restart = (patternIndex, nameIndex)
        patternIndex += 1
      } else if patternIndex < pattern.count,
        pattern[patternIndex] == "?" || pattern[patternIndex] == name[nameIndex]
      {
        patternIndex += 1
        nameIndex += 1
      } else if let last = restart {
        restart = (last.patternIndex, last.nameIndex + 1)
        patternIndex = last.patternIndex + 1
        nameIndex = last.nameIndex + 1
      } else {
        return false
      }
    }
    return pattern[patternIndex...].allSatisfy { $0 == "*" }
  }
}
