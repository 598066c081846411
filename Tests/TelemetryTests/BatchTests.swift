import Telemetry
import Testing

@Suite struct ReadingBatchTests {
  private static let schema = ReadingSchema(
    source: "s", attributes: ["region"], hasSequence: true, isNarrow: false,
    metrics: (0..<65).map { MetricColumn(name: "m\($0)", type: .double) })

  @Test func `presence needs a word for each 64 metrics`() {
    #expect(Self.schema.presenceWordsPerRow == 2)
  }

  @Test func `rows lie between the starts of their records`() {
    var batch = ReadingBatch(schema: Self.schema)
    batch.recordRowStarts += [2, 2, 5]
    let rows = (0..<3).map { batch.rows(ofRecord: $0) }
    #expect(rows == [0..<2, 2..<2, 2..<5])
  }

  @Test func `outcomes are counted by kind`() {
    var batch = ReadingBatch(schema: Self.schema)
    batch.recordOutcomes = [.read, .dead, .read, .empty, .filtered, .duplicate]
    var counts = batch.outcomeCounts()
    #expect(counts[.read] == 2)
    #expect(counts.consumed == 6)
    counts += counts
    #expect(counts[.dead] == 2)
    #expect(counts.consumed == 12)
  }

  @Test func `what texts take stays room that is counted`() {
    var batch = ReadingBatch(
      schema: ReadingSchema(
        source: "s", attributes: [], hasSequence: false, isNarrow: false,
        metrics: [MetricColumn(name: "note", type: .text)]))
    batch.valueBytes = Array(repeating: 7, count: 1 << 20)
    #expect(batch.byteCount == 1 << 20)
    batch.removeAll()
    #expect(batch.byteCount == 0)
    #expect(batch.capacityByteCount >= 1 << 20)
  }

  @Test func `an emptied batch is as good as new`() {
    var batch = ReadingBatch(schema: Self.schema)
    batch.recordOffsets = [1]
    batch.recordRowStarts = [0, 1]
    batch.rowEventTimes = [5]
    batch.removeAll()
    let (isEmpty, rowCount, byteCount) = (batch.isEmpty, batch.rowCount, batch.byteCount)
    let starts = batch.recordRowStarts
    #expect(isEmpty)
    #expect(rowCount == 0)
    #expect(starts == [0])
    #expect(byteCount == 0)
  }
}

@Suite struct RecordBatchTests {
  @Test func `a tombstone has no payload, an empty value has one`() {
    let bytes: [UInt8] = [1, 2]
    unsafe bytes.withUnsafeBytes { view in
      var batch = RecordBatch()
      let header = RecordHeader(
        kind: .record, partitionIndex: 0, offset: 0, timestampMicros: 0, hasAppendTime: false)
      let nothing = unsafe UnsafeRawBufferPointer(start: nil, count: 0)
      let empty = unsafe UnsafeRawBufferPointer(rebasing: view[0..<0])
      unsafe batch.append(header, key: view, payload: nothing)
      unsafe batch.append(header, key: nothing, payload: empty)
      let keyByteCount = batch.key(at: 0)?.byteCount
      let hasPayload = batch.payload(at: 0) != nil
      let emptyByteCount = batch.payload(at: 1)?.byteCount
      let hasKey = batch.key(at: 1) != nil
      #expect(keyByteCount == 2)
      #expect(!hasPayload)
      #expect(emptyByteCount == 0)
      #expect(!hasKey)
      batch.removeAll()
      let count = batch.count
      #expect(count == 0)
    }
  }
}
