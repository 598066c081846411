/// One thing that is wrong with a mapping.
package struct DecodePlanFault: Equatable, Sendable, CustomStringConvertible {
  /// The key within the `sources` entry, as written there: `time.field`, `attributes[1]`.
  package let key: String
  /// What is wrong, in one sentence.
  package let problem: String
  /// What to do about it, where that can be told.
  package let suggestion: String?

  package var description: String {
    suggestion.map { "\(key): \(problem); \($0)" } ?? "\(key): \(problem)"
  }
}

/// Everything that is wrong with one mapping, in the order of its keys.
package struct DecodePlanErrors: Error, Equatable, Sendable, CustomStringConvertible {
  package let source: String
  /// Never empty.
  package let faults: [DecodePlanFault]

  package var description: String {
    faults.map { "source \(source): \($0)" }.joined(separator: "\n")
  }
}

/// Finds what somebody who wrote a name that does not exist may have meant.
enum Spelling {
  /// "did you mean …?", or nil if nothing is near.
  static func suggestion(for name: String, among names: [String]) -> String? {
    let near = names.map { (name: $0, distance: distance(name, $0)) }
      .filter { $0.distance <= max(2, name.utf8.count / 3) }
      .min { ($0.distance, $0.name) < ($1.distance, $1.name) }
    return near.map { "did you mean \($0.name)?" }
  }

  /// Levenshtein's distance between two names, upper and lower case being the same.
  static func distance(_ left: String, _ right: String) -> Int {
    let left = Array(left.lowercased().utf8)
    let right = Array(right.lowercased().utf8)
    var row = Array(0...right.count)
    for (leftIndex, byte) in left.enumerated() {
      var diagonal = row[0]
      row[0] = leftIndex + 1
      for (rightIndex, other) in right.enumerated() {
        let replaced = diagonal + (byte == other ? 0 : 1)
        diagonal = row[rightIndex + 1]
        row[rightIndex + 1] = min(replaced, row[rightIndex] + 1, diagonal + 1)
      }
    }
    return row[right.count]
  }
}
