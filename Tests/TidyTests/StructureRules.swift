/// Who may import what. A module imports strictly lower levels, never a sibling: the module map of
/// docs/ARCHITECTURE.md.
enum ModuleLevels {
  /// Lowest first; a new module gets its place here before it compiles in CI.
  static let levels: [[Substring]] = [
    ["Base"],
    ["Telemetry"],
    ["Storage", "Metrics"],
    ["HTTPClient", "Kafka", "Decode"],
    ["Windows", "Detectors", "Devices", "Duplicates", "Inference", "Parquet", "SchemaRegistry"],
    ["DeltaLog", "Ledger"],
    ["TableReading"],
    ["Pipeline", "Audit", "Maintenance"],
    ["Alerts", "Config", "Status", "Simulator"],
    ["downlinkd", "downlinkd-simulator"],
  ]

  /// Modules that are not ours and only some of ours may import.
  static let reserved: [Substring: Set<Substring>] = [
    "CRdkafka": ["Kafka"],
    "CProtobufC": ["Decode"],
    "CTelemetryProto": ["Decode"],
    "CZstd": ["Parquet"],
    "CLz4": ["Parquet"],
    "CSnappy": ["Parquet"],
    "CCrypt": ["Status"],
    "CCurl": ["HTTPClient"],
    "CSystemd": ["Status", "downlinkd"],
    "Yams": ["Config"],
    "ArgumentParser": ["downlinkd", "downlinkd-simulator"],
    "ServiceLifecycle": ["Status", "downlinkd"],
    "Hummingbird": ["Status"],
    "HummingbirdCore": ["Status"],
    "HTTPTypes": ["Status"],
    "NIOCore": ["Status"],
    "NIOHTTP1": ["Status"],
    "NIOHTTPTypes": ["Status"],
    "NIOPosix": ["Status"],
    "NIOSSL": ["Status"],
    "UnixSignals": ["downlinkd"],
    // Yams brings Foundation along; it stops at Config.
    "Foundation": ["Config", "Status", "downlinkd"],
    "FoundationEssentials": ["Config", "Status", "downlinkd"],
    "Logging": ["Pipeline", "Maintenance", "Alerts", "Config", "Status", "downlinkd", "Simulator"],
  ]

  /// What everybody may import.
  static let free: Set<Substring> = ["Glibc", "Synchronization"]

  static func level(of module: Substring) -> Int? {
    levels.firstIndex { $0.contains(module) }
  }

  /// Why `module` may not import `imported`, or nil where it may.
  static func objection(toImporting imported: Substring, into module: Substring) -> String? {
    guard let own = level(of: module) else {
      return "module \(module) has no level: give it one in ModuleLevels"
    }
    if free.contains(imported) { return nil }
    if let allowed = reserved[imported] {
      let names = allowed.sorted().joined(separator: ", ")
      return allowed.contains(module) ? nil : "only \(names) may import \(imported)"
    }
    guard let other = level(of: imported) else {
      return "nothing is said about \(imported): name it in ModuleLevels"
    }
    return other < own ? nil : "\(imported) is not below \(module)"
  }
}

extension Rule {
  static let importLevel = Rule(file: { file in
    guard let module = file.module else { return [] }
    return file.swift.code.enumerated().compactMap { number, line in
      guard let imported = importedModule(line),
        let objection = ModuleLevels.objection(toImporting: imported, into: module)
      else { return nil }
      return Violation(path: file.path, line: number + 1, sentence: objection)
    }
  })

  /// `Base` of `package import Base` or `import struct Base.Timestamp`; nil for other lines.
  static func importedModule(_ line: String) -> Substring? {
    let tokens = line.split { $0.isWhitespace || $0 == "." }
    guard let index = tokens.firstIndex(of: "import"), index + 1 < tokens.count,
      tokens[..<index].allSatisfy({ $0.hasPrefix("@") || accessWords.contains($0) })
    else { return nil }
    let kinds: Set<Substring> = [
      "struct", "class", "enum", "protocol", "typealias", "func", "let", "var",
    ]
    let isOneName = kinds.contains(tokens[index + 1]) && index + 2 < tokens.count
    return tokens[isOneName ? index + 2 : index + 1]
  }

  private static let accessWords: Set<Substring> = [
    "package", "public", "internal", "fileprivate", "private",
  ]

  /// A C object has one owner, so its destroyer is called in one file.
  static let destroyOwner = Rule(files: { files in
    var owners: [Substring: (path: String, line: Int)] = [:]
    var found: [Violation] = []
    for file in files where file.module != nil {
      for token in Token.all(in: file.swift.code) {
        guard token.text.hasPrefix("rd_kafka_"), token.text.contains("destroy") else { continue }
        if let owner = owners[token.text], owner.path != file.path {
          let sentence = "`\(token.text)` is \(owner.path)'s to call (line \(owner.line))"
          found.append(Violation(path: file.path, line: token.line + 1, sentence: sentence))
        } else if owners[token.text] == nil {
          owners[token.text] = (file.path, token.line + 1)
        }
      }
    }
    return found
  })
}

// MARK: - Documentation

/// A `package` or `public` declaration and whether a doc comment stands before it.
struct SharedDeclaration {
  let keyword: Substring
  let name: Substring
  /// From 0.
  let line: Int
  let isDocumented: Bool

  private static let typeKeywords: Set<Substring> = [
    "struct", "class", "enum", "protocol", "actor",
  ]

  var isType: Bool { Self.typeKeywords.contains(keyword) }

  static func all(in text: SwiftText) -> [SharedDeclaration] {
    text.code.indices.compactMap { number in
      let words = text.code[number].split { !$0.isIdentifier && $0 != "@" }
      guard let access = words.firstIndex(where: { $0 == "package" || $0 == "public" }),
        !words.contains("import")
      else { return nil }
      let rest = words[access...]
      // `class func` declares a function, not a type.
      let keywords = rest.contains("func") ? ["func"] : typeKeywords
      guard let index = rest.firstIndex(where: { keywords.contains($0) }) else { return nil }
      return SharedDeclaration(
        keyword: words[index], name: index + 1 < words.count ? words[index + 1] : "",
        line: number, isDocumented: isDocumented(number, in: text))
    }
  }

  /// Whether `///` stands before the line, attributes on lines of their own not counted.
  private static func isDocumented(_ line: Int, in text: SwiftText) -> Bool {
    var above = line - 1
    while above >= 0, text.code[above].drop(while: \.isWhitespace).hasPrefix("@") { above -= 1 }
    return above >= 0 && text.comments[above].hasPrefix("///")
  }
}

extension Rule {
  static let undocumentedType = Rule(file: { file in
    undocumented(in: file).filter(\.isType).map { declaration in
      Violation(
        path: file.path, line: declaration.line + 1,
        sentence: "\(declaration.keyword) \(declaration.name) has no doc comment")
    }
  })

  static let undocumentedFunction = Rule(file: { file in
    undocumented(in: file).filter { !$0.isType }.map { declaration in
      Violation(
        path: file.path, line: declaration.line + 1,
        sentence: "func \(declaration.name) has no doc comment")
    }
  })

  private static func undocumented(in file: TextFile) -> [SharedDeclaration] {
    guard file.module != nil else { return [] }
    return SharedDeclaration.all(in: file.swift).filter { !$0.isDocumented }
  }
}
