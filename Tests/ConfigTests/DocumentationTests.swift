import Config
import TestSupport
import Testing

@Suite struct DocumentationTests {
  @Test func `every key the reader knows has its row in CONFIG md`() throws {
    let text = try #require(fileText(Repository.path("docs/CONFIG.md")))
    let rows = text.split(separator: "\n").filter { $0.hasPrefix("| `") }
    let keys = rows.flatMap { row in
      row.split(separator: "|")[0].split(separator: "`").map(String.init)
        .filter { $0 != " " && $0 != ", " }
    }
    #expect(Set(Configuration.knownKeys).subtracting(keys) == [])
    #expect(Set(keys).subtracting(Configuration.knownKeys) == [])
    #expect(keys.count == Set(keys).count, "a key is described twice")
  }

  @Test func `every key of a fixture has its row in FIXTURES md`() throws {
    let text = try #require(fileText(Repository.path("docs/FIXTURES.md")))
    let keys = text.split(separator: "\n").filter { $0.hasPrefix("| `") }.flatMap { row in
      row.split(separator: "|")[0].split(separator: "`").map(String.init)
        .filter { $0 != " " && $0 != ", " }
    }
    #expect(keys.sorted() == FixtureFile.knownKeys.sorted())
  }

  @Test func `the examples in CONFIG md have no faults of their own`() throws {
    let text = try #require(fileText(Repository.path("docs/CONFIG.md")))
    let examples = text.components(between: "```yaml\n", and: "```")
    #expect(examples.count == 8)
    for example in examples {
      // The examples are parts of a file, and the files they name are not here.
      let found = faults(of: example).filter { fault in
        !fault.message.contains(" is missing; ") && !fault.message.hasPrefix("cannot read ")
          && !fault.message.contains("CREDENTIALS_DIRECTORY is not set")
      }
      #expect(found.isEmpty, "\(found)")
    }
  }
}

extension String {
  fileprivate func components(between start: String, and end: String) -> [String] {
    split(separator: start).dropFirst().compactMap { part in
      part.split(separator: end, omittingEmptySubsequences: false).first.map(String.init)
    }
  }
}
