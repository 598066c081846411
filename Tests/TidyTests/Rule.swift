/// One breach of a rule, printed the way editors and compilers understand.
struct Violation: CustomStringConvertible {
  let path: String
  /// From 1.
  let line: Int
  let sentence: String

  var description: String { "\(path):\(line): \(sentence)" }
}

/// A rule of docs/STYLE.md that a machine can check: what it finds in some files.
struct Rule: Sendable {
  let check: @Sendable ([TextFile]) -> [Violation]

  /// A rule that looks at one file at a time.
  init(file check: @escaping @Sendable (TextFile) -> [Violation]) {
    self.check = { $0.flatMap(check) }
  }

  /// A rule over all files together.
  init(files check: @escaping @Sendable ([TextFile]) -> [Violation]) {
    self.check = check
  }
}

// MARK: - Lengths

extension Rule {
  static let lineColumnCountMax = 100
  static let functionLineCountMax = 70
  static let fileLineCountMax = 500

  static let lineLength = Rule(file: { file in
    file.lines.enumerated().compactMap { number, line in
      guard line.count > lineColumnCountMax else { return nil }
      return Violation(path: file.path, line: number + 1, sentence: "\(line.count) columns")
    }
  })

  static let fileLength = Rule(file: { file in
    let hasReason = file.lines.contains { $0.hasPrefix("// Length: ") }
    guard file.lines.count > fileLineCountMax, !hasReason else { return [] }
    let sentence = "\(file.lines.count) lines; split it, or say why in a line `// Length: …`"
    return [Violation(path: file.path, line: 1, sentence: sentence)]
  })

  static let functionLength = Rule(file: { file in
    FunctionBody.all(in: file.swift).compactMap { body in
      guard body.lineCount > functionLineCountMax else { return nil }
      return Violation(
        path: file.path, line: body.firstLine + 1,
        sentence: "\(body.name) is \(body.lineCount) lines long")
    }
  })
}

/// A function, initialiser, deinitialiser, subscript or computed property with a body.
struct FunctionBody {
  let name: String
  /// From 0, the line of the keyword.
  let firstLine: Int
  let lastLine: Int

  var lineCount: Int { lastLine - firstLine + 1 }

  private static let openers: Set<Substring> = ["func", "init", "deinit", "subscript", "var"]
  /// What ends a declaration without a body: the next declaration, or the end of the protocol.
  private static let closers: Set<Substring> = [
    "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum",
    "protocol", "extension", "import", "}",
  ]

  static func all(in text: SwiftText) -> [FunctionBody] {
    let tokens = Token.all(in: text.code)
    return tokens.indices.compactMap { body(at: $0, of: tokens) }
  }

  private static func body(at start: Int, of tokens: [Token]) -> FunctionBody? {
    guard openers.contains(tokens[start].text), start == 0 || tokens[start - 1].text != "."
    else { return nil }
    guard let open = openingBrace(after: start, of: tokens) else { return nil }
    var depth = 0
    for index in open..<tokens.count {
      if tokens[index].text == "{" { depth += 1 }
      if tokens[index].text == "}" { depth -= 1 }
      guard depth == 0 else { continue }
      let name = tokens[start].text == "func" && tokens[start + 1].line == tokens[start].line
        ? "func \(tokens[start + 1].text)" : "\(tokens[start].text)"
      return FunctionBody(
        name: name, firstLine: tokens[start].line, lastLine: tokens[index].line)
    }
    return nil
  }

  /// The brace that opens the body; one inside parentheses belongs to a default argument.
  private static func openingBrace(after start: Int, of tokens: [Token]) -> Int? {
    var parentheses = 0
    for index in (start + 1)..<max(tokens.count, start + 1) {
      let text = tokens[index].text
      if text == "(" || text == "[" { parentheses += 1 }
      if text == ")" || text == "]" { parentheses -= 1 }
      if parentheses > 0 { continue }
      if parentheses < 0 || closers.contains(text) { return nil }
      // A stored property's value may hold closures; only a computed property is a function.
      if tokens[start].text == "var", text == "=" { return nil }
      if text == "{" { return index }
    }
    return nil
  }
}

// MARK: - Words

extension Rule {
  /// A word that may not stand in code, and what to write instead.
  private static let bannedWords = [
    ("try" + "!", "throw on, or catch and say why it cannot fail"),
    ("Dispatch" + "Queue", "a WorkerThread, or an actor in control code"),
  ]

  static let bannedWord = Rule(file: { file in
    violations(in: file.swift.code, of: file) { line in
      for (word, instead) in bannedWords where line.contains(word) {
        return "`\(word)`: \(instead)"
      }
      return nil
    }
  })

  static let unfinishedWord = Rule(file: { file in
    let words: Set<Substring> = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]
    return violations(in: file.lines, of: file) { line in
      let found = line.split { !$0.isIdentifier }.first { words.contains($0) }
      return found.map { "`\($0)`: finish it, or write down in docs/ what is not done" }
    }
  })

  /// `fatalError` needs a sentence; the reader of a crash report has nothing else.
  static let fatalErrorWithoutSentence = Rule(file: { file in
    let code = file.swift.code
    return code.indices.compactMap { number in
      guard code[number].contains("fatalError(") else { return nil }
      // The sentence may stand on the next line.
      let text = file.lines[number...].prefix(2).joined(separator: " ")
      guard let call = text.firstRange(of: "fatalError(") else { return nil }
      let parts = text[call.upperBound...].split(
        separator: "\"", omittingEmptySubsequences: false)
      if parts.count > 2, parts[0].allSatisfy(\.isWhitespace), parts[1].contains(" ") {
        return nil
      }
      return Violation(
        path: file.path, line: number + 1, sentence: "`fatalError` without a sentence")
    }
  })

  /// What the compiler is told to believe must be argued: a comment with "because".
  static let unarguedPromise = Rule(file: { file in
    let text = file.swift
    return text.code.indices.compactMap { number in
      let line = text.code[number]
      guard line.contains("@unchecked Sendable") || line.contains("nonisolated(unsafe)") else {
        return nil
      }
      var first = number
      while first > 0, !text.comments[first - 1].isEmpty, text.code[first - 1].isBlank {
        first -= 1
      }
      // The comment stands above, on the line, or first thing inside.
      let near = text.comments[first...min(number + 1, text.comments.count - 1)]
      if near.contains(where: { $0.contains("because") }) { return nil }
      return Violation(
        path: file.path, line: number + 1,
        sentence: "say in a comment why it holds (\"because …\")")
    }
  })

  /// Output is the program's, not the modules'; benchmarks and tests may print.
  static let printing = Rule(file: { file in
    guard let module = file.module, !module.hasPrefix("downlinkd") else { return [] }
    return violations(in: file.swift.code, of: file) { line in
      line.callsFunction("print") ? "`print`: hand the text to the caller, or log it" : nil
    }
  })

  static let machinePath = Rule(file: { file in
    violations(in: file.lines, of: file) { line in
      ["/wo" + "rk/", "/ro" + "ot/"].first { line.contains($0) }.map {
        "`\($0)`: a path of one machine"
      }
    }
  })

  private static func violations(
    in lines: [String], of file: TextFile, _ judge: (String) -> String?
  ) -> [Violation] {
    lines.enumerated().compactMap { number, line in
      judge(line).map { Violation(path: file.path, line: number + 1, sentence: $0) }
    }
  }
}

extension String {
  var isBlank: Bool { allSatisfy(\.isWhitespace) }

  /// Whether the line calls the free function `name`, not a method or a longer name.
  func callsFunction(_ name: String) -> Bool {
    let tokens = Token.all(in: [self])
    return tokens.indices.contains { index in
      tokens[index].text == name && index + 1 < tokens.count && tokens[index + 1].text == "("
        && (index == 0 || (tokens[index - 1].text != "." && tokens[index - 1].text != "func"))
    }
  }
}
