import Base
import Ledger
import Storage
import Testing

@testable import Pipeline

@Suite struct DeadLetterStoreTests {
  private static func made() throws -> TestStorage {
    let storage = TestStorage()
    try LetterRoot.make(storage)
    return storage
  }

  @Test func `letters are counted by reason, source and partition`() throws {
    let storage = try Self.made()
    let groups = try LetterRoot.summary(storage).groups
    let counts = Dictionary(
      uniqueKeysWithValues: groups.map { ("\($0.key.source) \($0.key.reason)", $0.value.pending) })
    #expect(
      counts == [
        "snapshots no_device": Int64(LetterRoot.mendableCount), "snapshots null_payload": 1,
        "samples no_time": Int64(LetterRoot.sampleCount),
      ])
    let wide = try #require(groups.first { $0.key.reason == "no_device" })
    #expect(wide.key.key == PartitionKey(topic: "telemetry", incarnation: 0, partition: 0))
    #expect(wide.value.firstMicros == TestSources.startMillis * 1000 + 1_000_000)
  }

  @Test func `filters choose letters`() throws {
    let storage = try Self.made()
    func pending(_ filter: DeadLetterFilter) throws -> Int64 {
      try LetterRoot.summary(storage, filter).total.pending
    }
    #expect(try pending(.init(reason: "null_payload")) == 1)
    #expect(try pending(.init(source: "samples")) == Int64(LetterRoot.sampleCount))
    #expect(try pending(.init(topic: "telemetry", partition: 0)) == 10)
    #expect(try pending(.init(partition: 1)) == 0)
    let start = TestSources.startMillis * 1000
    #expect(try pending(.init(topic: "telemetry", untilMicros: start + 3_000_000)) == 1)
    #expect(try pending(.init(sinceMicros: start + 86_400_000_000)) == 5)
  }

  @Test func `only files whose date and statistics can match are read`() throws {
    let storage = try Self.made()
    func filesRead(_ filter: DeadLetterFilter) throws -> Int {
      let before = storage.operations.count
      _ = try LetterRoot.summary(storage, filter)
      return storage.operations[before...].count {
        $0.hasPrefix("read") && $0.contains("/dead_letters/") && $0.hasSuffix(".parquet")
      }
    }
    #expect(try filesRead(.init()) == 6)
    #expect(try filesRead(.init(topic: "samples")) == 2)
    #expect(try filesRead(.init(reason: "no_time")) == 3, "one has no_device and null_payload")
    #expect(try filesRead(.init(reason: "wrong_type")) == 0)
    #expect(try filesRead(.init(partition: 7)) == 0)
    #expect(try filesRead(.init(sinceMicros: TestSources.startMillis * 1000 + 86_400_000_000)) == 2)
  }

  @Test func `a letter is shown with its bytes`() throws {
    let storage = try Self.made()
    var letters: [DeadLetterRecord] = []
    let count = try DeadLetterStore(storage: storage, pipeline: "fleet").visitLetters(
      .init(source: "snapshots"), limit: 2
    ) { letters.append($0) }
    #expect(count == 2 && letters.map(\.offset) == [1, 3])
    #expect(letters[0].recordKey == Array("sat-1".utf8))
    #expect(letters[0].headersJSON == #"[{"key":"h","value":"AQ=="}]"#)
    #expect(letters[0].payload?.isEmpty == false)
    #expect(!letters[0].detail.isEmpty && !letters[0].isTried)
  }

  @Test func `what came back is told from what waits`() throws {
    let storage = try Self.made()
    _ = try LetterRoot.replay(storage).run(.init(source: "samples"))
    let total = try LetterRoot.summary(storage).total
    #expect(total.replayed == Int64(LetterRoot.sampleCount))
    #expect(total.pending == Int64(LetterRoot.mendableCount + 1))
    let store = DeadLetterStore(storage: storage, pipeline: "fleet")
    #expect(try store.summary(.init(), onlyReplayed: true).groups.count == 1)
    #expect(try store.visitLetters(.init(), replayed: true, limit: 100) { _ in } == 6)
  }
}
