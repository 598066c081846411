/// A pattern over names: `*` stands for any run of characters, the empty one included, `?` for
/// exactly one; everything else stands for itself. Case matters.
///
/// Names are compared as UTF-8 and `?` takes one whole code point, so that `?` never splits a
/// character. Cost: O(pattern × name) at worst, linear for the patterns people write; there is no
/// recursion, so that no pattern can exhaust the stack.
package struct Glob: Hashable, Sendable, CustomStringConvertible {
  /// The pattern as it was written.
  package let pattern: String
  private let bytes: [UInt8]

  package init(_ pattern: String) {
    self.pattern = pattern
    bytes = Array(pattern.utf8)
  }

  /// Fits every name.
  package static let all = Glob("*")

  package var description: String { pattern }

  /// Whether the pattern has no wildcard, so that it fits one name only.
  package var isLiteral: Bool {
    !bytes.contains { $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "?") }
  }

  /// Whether the whole of `name` fits the pattern.
  package func matches(_ name: String) -> Bool { matches(Array(name.utf8)[...]) }

  /// Whether the whole of `name`, UTF-8, fits the pattern.
  package func matches(_ name: ArraySlice<UInt8>) -> Bool {
    var position = name.startIndex
    var patternPosition = 0
    // Where to go on after the newest star when the greedy choice fails: one byte further.
    var star: (patternPosition: Int, position: Int)?
    while position < name.endIndex {
      if patternPosition < bytes.count, bytes[patternPosition] == UInt8(ascii: "*") {
        patternPosition += 1
        star = (patternPosition, position)
      } else if patternPosition < bytes.count, bytes[patternPosition] == UInt8(ascii: "?") {
        patternPosition += 1
        position = endOfCharacter(at: position, in: name)
      } else if patternPosition < bytes.count, bytes[patternPosition] == name[position] {
        patternPosition += 1
        position += 1
      } else if let (afterStar, taken) = star {
        let next = endOfCharacter(at: taken, in: name)
        star = (afterStar, next)
        patternPosition = afterStar
        position = next
      } else {
        return false
      }
    }
    return bytes[patternPosition...].allSatisfy { $0 == UInt8(ascii: "*") }
  }

  /// The position behind the code point that starts at `position`: behind its continuation bytes.
  private func endOfCharacter(at position: Int, in name: ArraySlice<UInt8>) -> Int {
    var next = position + 1
    while next < name.endIndex, name[next] & 0xC0 == 0x80 { next += 1 }
    return next
  }
}
