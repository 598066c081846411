import Base
import Decode
import Ledger
import Storage
import TableReading
import Testing

@testable import Pipeline

/// What letters cost in their table where records are large and have many of them.
@Suite struct DeadLettersTableTests {
  private static func letters(
    _ count: Int, payload: [UInt8], in output: PartitionOutput, offset: Int64
  ) {
    let record = LetterRecord(
      offset: offset, timestampMicros: 0, key: nil, headersJSON: nil, payload: payload)
    for row in 0..<count {
      output.append(
        DeadLetter(
          record,
          RowFault(
            recordIndex: 0, rowIndex: UInt32(row), reason: .noTime, detail: "no time")))
    }
  }

  private static func makeCut() throws -> PartitionCut {
    let harness = PartitionHarness(.test("samples"), source: try TestSources.narrow())
    harness.offer([.narrow("inv-1", [(0, "a", 1)])], from: 0)
    return try #require(harness.cut())
  }

  @Test func `row groups are bounded in bytes, whoever shares them`() throws {
    let cut = try Self.makeCut()
    let tenth = DeadLettersTable.rowGroupByteCountMax / 10
    Self.letters(25, payload: [UInt8](repeating: 7, count: tenth), in: cut.output, offset: 0)
    let large = [UInt8](repeating: 8, count: 11 * tenth)
    Self.letters(2, payload: large, in: cut.output, offset: 1)
    let table = DeadLettersTable(sources: [try TestSources.narrow()], parts: [cut])
    let plan = try #require(table.plans.first)
    var ends: [Int] = []
    while (ends.last ?? 0) < plan.rowCount {
      ends.append(table.rowGroupEnd(plan, from: ends.last ?? 0, rowCountMax: 1000))
    }
    #expect(ends == [10, 20, 25, 26, 27], "a letter that is too large is alone")
    #expect(table.rowGroupEnd(plan, from: 3, rowCountMax: 4) == 7)
  }

  @Test func `a large payload of several letters is written once`() throws {
    let seed = UInt64.random(in: 0 ... .max)
    var random = SplitMix64(seed: seed)
    let payload = (0..<1_200_000).map { _ in UInt8(truncatingIfNeeded: random.next()) }
    let cut = try Self.makeCut()
    Self.letters(5, payload: payload, in: cut.output, offset: 0)
    let storage = MemoryStorage()
    var writer = DataFileWriter(
      storage: storage, options: try TestSources.options(),
      commitID: CommitID(incarnation: "i", counter: 1), baseVersion: 0)
    try writer.write(DeadLettersTable(sources: [try TestSources.narrow()], parts: [cut]))
    let file = try #require(writer.files.first)
    #expect((1_200_000..<1_300_000).contains(file.byteCount), "seed \(seed)")
    let payloads = try StoredRows(file.path, storage).bytes("payload", rowGroup: 0)
    #expect((0..<5).allSatisfy { payloads[$0] == payload }, "seed \(seed)")
  }
}
