import Testing

/// A rule that finds nothing proves nothing: each is shown bad code that it must find, and good
/// code beside it that it must leave alone.
@Suite struct RuleTests {
  /// Lines (from 1) a rule finds in a text.
  private func lines(
    _ rule: Rule, _ text: String, path: String = "Sources/Kafka/A.swift"
  ) -> [Int] {
    rule.check([TextFile(path: path, text: text)]).map(\.line)
  }

  @Test func `long lines are found by columns, not bytes`() {
    let exact = String(repeating: "ä", count: 100)
    #expect(lines(.lineLength, "\(exact)\n\(exact)x\n") == [2])
  }

  @Test func `long files need a reason`() {
    let long = String(repeating: "\n", count: 600)
    #expect(lines(.fileLength, long) == [1])
    #expect(lines(.fileLength, long + "// Length: one table that belongs together\n").isEmpty)
    #expect(lines(.fileLength, "// a Length: in passing\n" + long) == [1])
  }

  @Test(arguments: [
    "func f(a: () -> Int = { 1 }) throws(E) -> Int {", "init?(x: Int) where T: P {", "deinit {",
    "subscript(i: Int) -> Int {", "var x: Int {", "func `a name with { in it`() {",
  ])
  func `long bodies are found`(head: String) {
    let body = String(repeating: "  call(\"}\") // }\n", count: 69)
    #expect(lines(.functionLength, "struct S {\n\(head)\n\(body)}\n}") == [2])
    let short = String(repeating: "  if a { b() }\n", count: 68)
    #expect(lines(.functionLength, "struct S {\n\(head)\n\(short)}\n}").isEmpty)
  }

  @Test func `what has no body has no length`() {
    let requirements = "protocol P {\n  func f()\n  var x: Int { get }\n  init(a: Int)\n}\n"
    let table = "let table = [\n\(String(repeating: "  1,\n", count: 90))]\n"
    let stored = "var table = { [\n\(String(repeating: "  1,\n", count: 90))] }()\n"
    let call = "struct S {\n  let a = S.init(\n\(String(repeating: "\n", count: 90))  )\n}\n"
    #expect(lines(.functionLength, requirements + table + stored + call).isEmpty)
  }

  @Test func `comments and strings are not code`() {
    let text = """
      let a = "x // no comment \\(call("}{") + "\\(b)") end" // a comment
      /* block /* nested */ still */ let b = #"raw \\( not code) "quoted" "#
      let c = \"\"\"
        { // text
        \\(code { 1 })
        \"\"\"
      func `a { name`() { }
      """
    let code = TextFile(path: "a.swift", text: text).swift.code.map { line in
      String(line.filter { !$0.isWhitespace })
    }
    #expect(code[0] == "leta=call()+b")
    #expect(code[1] == "letb=")
    #expect(code[2] == "letc=")
    #expect(code[3] == "")
    #expect(code[4] == "code{1}")
    #expect(code[6] == "func(){}")
  }

  @Test func `banned words are found in code only`() {
    let text = "let a = try" + "! f()\n// try" + "! in a comment\nlet b = \"try" + "!\"\n"
    #expect(lines(.bannedWord, text) == [1])
    #expect(lines(.bannedWord, "Dispatch" + "Queue.main.async {}") == [1])
  }

  @Test func `unfinished words are found as words`() {
    #expect(lines(.unfinishedWord, "// TO" + "DO: later\nlet XX" + "X = 1\nXXHash64\n") == [1, 2])
    #expect(lines(.unfinishedWord, "\"file.XXXXXX\"\ntodoList()\n").isEmpty)
  }

  @Test func `fatalError wants a sentence`() {
    let text = """
      fatalError()
      fatalError("unreachable")
      fatalError("the writer was closed twice")
      fatalError(
        "the writer was closed twice")
      """
    #expect(lines(.fatalErrorWithoutSentence, text) == [1, 2])
  }

  @Test func `promises want an argument`() {
    let text = """
      final class A: @unchecked Sendable {}

      // Sound because one thread owns it
      // from start to end.
      final class B: @unchecked Sendable {}
      nonisolated(unsafe) let c = 1  // because it never changes
      final class E: @unchecked Sendable {
        // @unchecked because a lock guards it.
      // because of something else

      nonisolated(unsafe) let d = 1
      """
    #expect(lines(.unarguedPromise, text) == [1, 11])
  }

  @Test func `printing is for the program`() {
    let text = "print(1)\nfunc print(_ a: Int) {}\nlogger.print(1)\nfingerprint(2)\n"
    #expect(lines(.printing, text) == [1])
    #expect(lines(.printing, text, path: "Sources/downlinkd/A.swift").isEmpty)
    #expect(lines(.printing, text, path: "Benchmarks/A.swift").isEmpty)
  }

  @Test func `machine paths are found in any text`() {
    let text = "cd /wo" + "rk/main\nhome: /ro" + "ot/x\n/srv/work\n"
    #expect(lines(.machinePath, text, path: "docs/A.md") == [1, 2])
  }

  @Test(arguments: [
    ("Kafka", "import Base", true),
    ("Kafka", "package import Telemetry", true),
    ("Kafka", "@preconcurrency import Glibc", true),
    ("Kafka", "import CRdkafka", true),
    ("Kafka", "import Decode", false),
    ("Kafka", "import Pipeline", false),
    ("Kafka", "import Foundation", false),
    ("Kafka", "import struct Foundation.Data", false),
    ("Pipeline", "internal import CRdkafka", false),
    ("Pipeline", "import Kafka", true),
    ("Pipeline", "import Config", false),
    ("Decode", "import CProtobufC", true),
    ("Parquet", "import CProtobufC", false),
    ("Config", "import Yams", true),
    ("Status", "import Yams", false),
    ("Config", "import Foundation", true),
    ("Base", "import Base", false),
    ("Base", "import SomethingNew", false),
    ("NewModule", "import Base", false),
    ("Kafka", "// import Decode", true),
  ])
  func `imports go down`(module: String, line: String, isAllowed: Bool) {
    let found = lines(.importLevel, "\n\(line)\n", path: "Sources/\(module)/Folder/A.swift")
    #expect(found == (isAllowed ? [] : [2]))
  }

  @Test func `a destroyer has one owner`() {
    let owner = TextFile(path: "Sources/Kafka/A.swift", text: "rd_kafka_topic_destroy(t)\n")
    let other = TextFile(
      path: "Sources/Kafka/B.swift",
      text: "// rd_kafka_topic_destroy\nrd_kafka_conf_destroy(c)\nrd_kafka_topic_destroy(t)\n")
    #expect(Rule.destroyOwner.check([owner, other]).map(\.line) == [3])
    #expect(Rule.destroyOwner.check([owner, owner]).isEmpty)
  }

  @Test func `shared types want a doc comment`() {
    let text = """
      package struct A {}
      /// What it is.
      @safe
      package struct B: ~Copyable {}
      // Not a doc comment.
      public final class C {}
      struct D {}
      package import Base
      /// A protocol.
      package protocol E {
        package static func f() {}
        /// Says it.
        @inlinable
        package func g() {}
      }
      """
    #expect(lines(.undocumentedType, text) == [1, 6])
    #expect(lines(.undocumentedFunction, text) == [11])
  }
}
