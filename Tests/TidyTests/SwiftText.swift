/// A Swift file taken apart just enough to judge it: what is code, and what is comment.
///
/// `code` has the lines of the file with comments, string literals and back-quoted names blanked
/// out (interpolations stay, they are code); `comments` has the text of comments only. Both have
/// the line numbers of the file. Regular expression literals are not known: we write none.
struct SwiftText: Sendable {
  let code: [String]
  let comments: [String]

  init(lines: [String]) {
    var scanner = Scanner()
    var code: [String] = []
    var comments: [String] = []
    for line in lines {
      let (codeLine, comment) = scanner.split(Array(line))
      code.append(codeLine)
      comments.append(comment)
    }
    self.code = code
    self.comments = comments
  }

  /// Walks through the lines of a file, remembering what is open at a line's end.
  private struct Scanner {
    private enum State: Equatable {
      /// `depth` parentheses are open since the interpolation that this code stands in began.
      case code(depth: Int)
      case string(poundCount: Int, isMultiline: Bool)
      case comment(depth: Int)
      case quotedName
    }

    private var states: [State] = [.code(depth: 0)]
    private var line: [Character] = []
    private var position = 0
    private var code = ""
    private var comment = ""

    mutating func split(_ line: [Character]) -> (code: String, comment: String) {
      self.line = line
      position = 0
      code = ""
      comment = ""
      while position < line.count { step() }
      // Only a multi-line string or a block comment goes on in the next line.
      while case .string(_, isMultiline: false) = states.last { states.removeLast() }
      if states.last == .quotedName { states.removeLast() }
      return (code, comment)
    }

    private mutating func step() {
      switch states[states.count - 1] {
      case .code(let depth): stepInCode(depth: depth)
      case .string(let poundCount, let isMultiline):
        stepInString(poundCount: poundCount, isMultiline: isMultiline)
      case .comment(let depth): stepInComment(depth: depth)
      case .quotedName:
        if line[position] == "`" { states.removeLast() }
        blank(1)
      }
    }

    private mutating func stepInCode(depth: Int) {
      if at("//") {
        comment += String(line[position...])
        blank(line.count - position)
      } else if at("/*") {
        states.append(.comment(depth: 1))
        blank(2)
      } else if at("`") {
        states.append(.quotedName)
        blank(1)
      } else if let poundCount = poundCountBeforeQuote() {
        position += poundCount
        let isMultiline = at("\"\"\"")
        states.append(.string(poundCount: poundCount, isMultiline: isMultiline))
        code += String(repeating: " ", count: poundCount)
        blank(isMultiline ? 3 : 1)
      } else {
        stepOverOne(depth: depth)
      }
    }

    private mutating func stepOverOne(depth: Int) {
      let character = line[position]
      if character == ")", depth == 0, states.count > 1 {
        // The interpolation ends; its parentheses are the string's, not code.
        states.removeLast()
        blank(1)
        return
      }
      if character == "(" { states[states.count - 1] = .code(depth: depth + 1) }
      if character == ")" { states[states.count - 1] = .code(depth: depth - 1) }
      code.append(character)
      position += 1
    }

    private mutating func stepInString(poundCount: Int, isMultiline: Bool) {
      let pounds = String(repeating: "#", count: poundCount)
      if at("\\" + pounds + "(") {
        states.append(.code(depth: 0))
        blank(2 + poundCount)
      } else if at("\\" + pounds) {
        blank(min(2 + poundCount, line.count - position))
      } else if at((isMultiline ? "\"\"\"" : "\"") + pounds) {
        states.removeLast()
        blank((isMultiline ? 3 : 1) + poundCount)
      } else {
        blank(1)
      }
    }

    private mutating func stepInComment(depth: Int) {
      if at("*/") {
        if depth == 1 {
          states.removeLast()
        } else {
          states[states.count - 1] = .comment(depth: depth - 1)
        }
        blank(2)
      } else if at("/*") {
        states[states.count - 1] = .comment(depth: depth + 1)
        blank(2)
      } else {
        comment.append(line[position])
        blank(1)
      }
    }

    private mutating func blank(_ count: Int) {
      code += String(repeating: " ", count: count)
      position += count
    }

    private func at(_ text: String) -> Bool {
      var index = position
      for character in text {
        guard index < line.count, line[index] == character else { return false }
        index += 1
      }
      return true
    }

    /// How many `#` stand before a quote at the position; nil where no string begins.
    private func poundCountBeforeQuote() -> Int? {
      var index = position
      while index < line.count, line[index] == "#" { index += 1 }
      return index < line.count && line[index] == "\"" ? index - position : nil
    }
  }
}

/// An identifier, keyword or single other character of code, and where it stands.
struct Token {
  let text: Substring
  /// From 0.
  let line: Int

  static func all(in code: [String]) -> [Token] {
    var tokens: [Token] = []
    for (number, line) in code.enumerated() {
      var index = line.startIndex
      while index < line.endIndex {
        let start = index
        if line[index].isIdentifier {
          while index < line.endIndex, line[index].isIdentifier { line.formIndex(after: &index) }
        } else {
          line.formIndex(after: &index)
        }
        if !line[start].isWhitespace {
          tokens.append(Token(text: line[start..<index], line: number))
        }
      }
    }
    return tokens
  }
}

extension Character {
  var isIdentifier: Bool { isLetter || isNumber || self == "_" }
}
