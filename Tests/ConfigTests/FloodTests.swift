@testable import Config
import Testing

/// `sources[].dead_letter_flood`.
@Suite struct FloodTests {
  /// The rule of the only source of a minimal file with these lines below the source.
  private static func flood(_ lines: String) throws -> Configuration.DeadLetterFlood? {
    try read(withFlood(lines)).sources.first?.deadLetterFlood
  }

  private static func withFlood(_ lines: String) -> String {
    minimal.replacing("    topics:", with: "    dead_letter_flood: \(lines)\n    topics:")
  }

  @Test func `the rule is on unless somebody says none`() throws {
    #expect(try read(minimal).sources.first?.deadLetterFlood == .standard)
    #expect(try Self.flood("{}") == .standard)
    #expect(try Self.flood("none") == nil)
  }

  @Test func `single keys keep the others' defaults`() throws {
    let flood = try #require(try Self.flood("{share: 50%, for: 10s}"))
    #expect(flood.share == 0.5 && flood.forMicros == 10_000_000)
    #expect(flood.retryMicros == Configuration.DeadLetterFlood.standard.retryMicros)
  }

  @Test(arguments: [
    ("{share: 0.9}", "did you mean `90%`?"), ("{share: 0%}", "from 1% to 100%"),
    ("{share: 101%}", "from 1% to 100%"), ("{for: 0s}", "is out of range"),
    ("{retry: 8d}", "is out of range"), ("{limit: 1}", "unknown key"),
    ("off", "expected a mapping"),
  ])
  func `faults are said with what to write`(lines: String, words: String) {
    let found = faults(of: Self.withFlood(lines)).map { "\($0.message) \($0.suggestion ?? "")" }
    #expect(found.count == 1 && found[0].contains(words), "\(found)")
  }
}
