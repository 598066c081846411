import Base
import Decode
import Duplicates
import Ledger
import Telemetry
import Testing

@testable import Pipeline

/// Records that were refused because nobody knew their schema, in a replay: refused again, whatever
/// the registry says by then.
@Suite struct UnknownSchemaReplayTests {
  private let directory = TestDirectory()

  /// Every third record, and two in a row, are of a schema that comes and goes.
  private static let records = (0..<40).map { second -> TestRecord in
    let record = TestRecord.wide("sat-\(second % 2)", second: Double(second), metrics: [1, 2])
    let isOther = second.isMultiple(of: 3) || second == 20
    return record.inEnvelope(isOther ? 7 : 1)
  }

  private func source(_ key: DuplicateRule.Key? = nil) throws -> SourceOptions {
    var source = try TestSources.enveloped()
    source.duplicates = key.map {
      DuplicateRule(by: $0, withinMillis: 60_000, recordCountMax: 100)
    }
    return source
  }

  private func harness(
    _ start: PartitionStart, _ source: SourceOptions, _ state: consuming RestoredState? = nil
  ) -> PartitionHarness {
    let state = state ?? StateSnapshot.empty(
      cut: start.openedAt, key: start.key, source: source, admission: source.admission)
    return PartitionHarness(start, source: source, state: state, schemas: directory)
  }

  @Test(arguments: [nil, SchemaAnswer.notFound], [nil, DuplicateRule.Key.payload, .sequence])
  func `a replay refuses what the first pass refused, and asks nobody`(
    later: SchemaAnswer?, key: DuplicateRule.Key?
  ) throws {
    try directory.know(1)
    directory.say(.notFound, of: 7)
    let source = try source(key)
    let whole = harness(.test(), source)
    whole.offer(Self.records, from: 0)
    let cut = try #require(whole.cut())
    #expect(cut.unknownSchemas.count == 15)
    #expect(cut.unknownSchemas.runs.contains(20..<22))

    // Registered meanwhile, or deleted for good.
    if later == nil { try directory.know(7) } else { directory.say(nil, of: 7) }
    for to in [Int64(1), 21, 40] {
      var start = PartitionStart.test(to: to)
      start.unknownSchemas = cut.unknownSchemas
      let again = harness(start, source)
      let answers = again.offer(Array(Self.records[..<Int(to)]), from: 0)
      #expect(answers.allSatisfy { $0 == "" }, "nothing is waited for")
      if to == 40 { #expect(try again.restorable().bytes == whole.restorable().bytes) }
      #expect(again.cut() == nil)
    }
  }

  @Test func `what was read waits for its schema also in a replay`() throws {
    try directory.know(1)
    directory.say(.notFound, of: 7)
    let source = try source()
    let again = harness(.test(to: 40), source)
    #expect(again.offer(Array(Self.records[..<1]), from: 0) == ["wait for schema 7"])
  }

  /// An entry cannot list any number of stretches: then no replay may begin before them.
  @Test func `more stretches than an entry lists make its state needed`() throws {
    try directory.know(1)
    directory.say(.notFound, of: 7)
    let partition = harness(.test(), try source())
    let most = LanePartition.refusalRunCountMax
    let record = TestRecord.wide("sat-1", second: 0)
    let both = [record.inEnvelope(7), record.inEnvelope(1)]
    partition.offer((0..<most).flatMap { _ in both }, from: 0)
    let full = try #require(partition.cut())
    #expect(full.unknownSchemas.runs.count == most)
    #expect(full.stateNeed == nil)
    // So many since the last state that the next entry should bring one.
    partition.offer(both, from: Int64(2 * most))
    let options = CommitOptions(
      intervalMillis: 1, byteCount: 1, stateIntervalMillis: 60_000,
      stateInputByteCount: 1 << 30, openDateCount: 1)
    let now = partition.partition.stateTakenAtNanos
    #expect(partition.partition.isStateDue(options, wanted: false, nowNanos: now))
    partition.offer((0..<most).flatMap { _ in both }, from: Int64(2 * most + 2))
    let over = try #require(partition.cut())
    #expect(over.unknownSchemas.isEmpty)
    #expect(over.stateNeed?.forbidsOlder == true)
  }
}
