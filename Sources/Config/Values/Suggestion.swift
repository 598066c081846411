/// "Did you mean": the nearest of a set of words.
enum Suggestion {
  /// The candidate at the smallest edit distance, or nil where none is near enough to be a likely
  /// slip: at most a third of the longer word, case and `-`/`_` not counted. Ties go to the first.
  static func nearest(to word: String, among candidates: [String]) -> String? {
    let typed = folded(word)
    guard !typed.isEmpty, typed.count <= 64 else { return nil }
    var best: (word: String, distance: Int)?
    for candidate in candidates {
      let other = folded(candidate)
      let limit = max(1, max(typed.count, other.count) / 3)
      let distance = editDistance(typed, other)
      // A word that begins with what was typed is a likely one too: `sourc`, `topic`, `compress`.
      let isPrefix = typed.count >= 3 && other.starts(with: typed)
      guard distance <= limit || isPrefix, distance < best?.distance ?? Int.max else { continue }
      best = (candidate, distance)
    }
    return best?.word
  }

  private static func folded(_ word: String) -> [UInt8] {
    word.lowercased().utf8.map { $0 == UInt8(ascii: "-") ? UInt8(ascii: "_") : $0 }
  }

  /// Insertions, deletions, substitutions and swaps of neighbours that turn one into the other
  /// (optimal string alignment distance). Cost: the product of the lengths.
  static func editDistance(_ left: [UInt8], _ right: [UInt8]) -> Int {
    var beforeLast = [Int](repeating: 0, count: right.count + 1)
    var last = Array(0...right.count)
    for row in left.indices {
      var current = [row + 1] + [Int](repeating: 0, count: right.count)
      for column in right.indices {
        let substitution = last[column] + (left[row] == right[column] ? 0 : 1)
        current[column + 1] = min(substitution, last[column + 1] + 1, current[column] + 1)
        if row > 0, column > 0, left[row] == right[column - 1], left[row - 1] == right[column] {
          current[column + 1] = min(current[column + 1], beforeLast[column - 1] + 1)
        }
      }
      (beforeLast, last) = (last, current)
    }
    return last[right.count]
  }
}
