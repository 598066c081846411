import Testing

/// The style that a machine can check, checked: what CI does not check is not style.
/// The rules stand in docs/STYLE.md; each finding is `file:line: what to do`.
@Suite struct TidyTests {
  /// Functions without a doc comment of their own that the code has now. It only goes down.
  static let undocumentedFunctionCountMax = 56

  @Test func `the repository is found`() {
    #expect(Repository.files.contains { $0.path == "Package.swift" })
    #expect(Repository.sources.count > 20)
    #expect(Repository.files.contains { $0.path == "Makefile" })
  }

  @Test func `lines are at most 100 columns`() {
    expectNone(Rule.lineLength, in: Repository.swiftFiles)
  }

  @Test func `functions are at most 70 lines`() {
    expectNone(Rule.functionLength, in: Repository.swiftFiles)
  }

  @Test func `files are at most 500 lines or say why`() {
    expectNone(Rule.fileLength, in: Repository.swiftFiles)
  }

  @Test func `a module imports strictly lower levels`() {
    expectNone(Rule.importLevel, in: Repository.sources)
  }

  @Test func `banned words have their replacement`() {
    expectNone(Rule.bannedWord, in: Repository.swiftFiles)
  }

  @Test func `nothing is left unfinished`() {
    let others = Repository.swiftFiles.filter { !$0.path.hasPrefix("Tests/TidyTests/") }
    expectNone(Rule.unfinishedWord, in: others)
  }

  @Test func `fatalError says a sentence`() {
    expectNone(Rule.fatalErrorWithoutSentence, in: Repository.swiftFiles)
  }

  @Test func `unchecked promises are argued`() {
    expectNone(Rule.unarguedPromise, in: Repository.swiftFiles)
  }

  @Test func `only downlinkd prints`() {
    expectNone(Rule.printing, in: Repository.sources)
  }

  @Test func `no file names a path of one machine`() {
    expectNone(Rule.machinePath, in: Repository.files)
  }

  @Test func `every librdkafka object is destroyed in one file`() {
    expectNone(Rule.destroyOwner, in: Repository.sources)
  }

  @Test func `types that modules share are documented`() {
    expectNone(Rule.undocumentedType, in: Repository.sources)
  }

  @Test func `functions without a doc comment only become fewer`() {
    let found = Rule.undocumentedFunction.check(Repository.sources)
    let count = found.count
    #expect(
      count <= Self.undocumentedFunctionCountMax,
      "\(count) of them; the newest are among:\n\(listed(found))")
  }

  private func expectNone(
    _ rule: Rule, in files: [TextFile], at location: SourceLocation = #_sourceLocation
  ) {
    let found = rule.check(files)
    #expect(found.isEmpty, "\(found.count) places:\n\(listed(found))", sourceLocation: location)
  }

  private func listed(_ violations: [Violation]) -> String {
    violations.map(\.description).joined(separator: "\n")
  }
}
