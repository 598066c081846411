import Base
import Telemetry
import Testing

/// What is taken back leaves the batch and the vocabulary as if it had never been there.
@Suite struct RetractionTests {
  private static func schema(isNarrow: Bool) -> ReadingSchema {
    ReadingSchema(
      source: "s", attributes: ["region", "model"], hasSequence: true, isNarrow: isNarrow,
      metrics: (0..<(isNarrow ? 1 : 65)).map { MetricColumn(name: "m\($0)", type: .double) })
  }

  private static func header(_ offset: Int64) -> RecordHeader {
    RecordHeader(
      kind: .record, partitionIndex: 0, offset: offset, timestampMicros: offset * 10,
      hasAppendTime: offset % 2 == 0)
  }

  /// Appends a record with as many rows as `metrics` says, whatever is in them.
  private static func append(
    _ offset: Int64, metrics: [UInt32], to batch: inout ReadingBatch
  ) {
    batch.appendRecord(header(offset), as: .read)
    let record = batch.recordCount - 1
    batch.recordDevices[record] = 7
    batch.recordAttributes[record * 2] = 3
    batch.recordSequences[record] = 99
    for (index, metric) in metrics.enumerated() {
      batch.rowEventTimes.append(offset * 100 + Int64(index))
      batch.rowFlags.append(UInt32(index))
      // As if a bad row stood before each.
      batch.rowIndexes.append(UInt32(index * 2 + 1))
      if batch.schema.isNarrow { batch.rowMetrics.append(metric) }
      for column in batch.schema.metrics.indices {
        batch.metricWords.append(UInt64(index * 1000 + column))
      }
      for word in 0..<batch.schema.presenceWordsPerRow {
        batch.presenceWords.append(UInt64(index * 10 + word))
      }
    }
    batch.recordRowStarts[record + 1] = batch.rowCount
  }

  private static func text(_ batch: borrowing ReadingBatch) -> String {
    """
    \(batch.recordOffsets) \(batch.recordTimestamps) \(batch.recordHasAppendTime)
    \(batch.recordOutcomes) \(batch.recordDevices) \(batch.recordAttributes)
    \(batch.recordSequences) \(batch.recordRowStarts) \(batch.rowEventTimes) \(batch.rowFlags)
    \(batch.rowIndexes) \(batch.rowMetrics) \(batch.metricWords) \(batch.presenceWords)
    """
  }

  @Test(arguments: [true, false])
  func `a record that is taken back is one that was never decoded`(isNarrow: Bool) {
    var batch = ReadingBatch(schema: Self.schema(isNarrow: isNarrow))
    var expected = ReadingBatch(schema: Self.schema(isNarrow: isNarrow))
    for rowCount in [0, 1, 3] {
      let metrics = (0..<rowCount).map { UInt32($0) }
      Self.append(10, metrics: [0, 1], to: &batch)
      Self.append(10, metrics: [0, 1], to: &expected)
      Self.append(11, metrics: metrics, to: &batch)
      batch.retractLastRecord(as: .duplicate)
      expected.appendRecord(Self.header(11), as: .duplicate)
      let (found, due) = (Self.text(batch), Self.text(expected))
      #expect(found == due, "\(rowCount) rows")
    }
  }

  @Test func `texts that are taken back leave no bytes`() {
    let schema = ReadingSchema(
      source: "s", attributes: [], hasSequence: false, isNarrow: false,
      metrics: [MetricColumn(name: "a", type: .double), MetricColumn(name: "t", type: .text)])
    var batch = ReadingBatch(schema: schema)
    for (offset, text) in [(1, "kept"), (2, nil), (3, "gone"), (4, "")] as [(Int64, String?)] {
      batch.appendRecord(Self.header(offset), as: .read)
      batch.rowEventTimes.append(offset)
      batch.rowFlags.append(0)
      batch.rowIndexes.append(0)
      let bytes = Array((text ?? "").utf8)
      let word =
        text == nil ? 0 : unsafe ReadingBatch.append(bytes.span.bytes, to: &batch.valueBytes)
      batch.metricWords += [1, word]
      batch.presenceWords.append(text == nil ? 1 : 3)
      batch.recordRowStarts[batch.recordCount] = batch.rowCount
      if offset > 1 { batch.retractLastRecord(as: .duplicate) }
      let (kept, rowCount) = (batch.valueBytes, batch.rowCount)
      #expect(kept == Array("kept".utf8) && rowCount == 1)
    }
  }

  @Test func `rows with metrics beyond a limit go, their neighbours stay`() {
    var batch = ReadingBatch(schema: Self.schema(isNarrow: true))
    Self.append(10, metrics: [9, 9], to: &batch)
    Self.append(11, metrics: [5, 0, 6, 1, 7], to: &batch)
    let retracted = batch.retractRows(withMetricsFrom: 5)
    let (starts, metrics, indexes) = (batch.recordRowStarts, batch.rowMetrics, batch.rowIndexes)
    let (times, words) = (batch.rowEventTimes, batch.metricWords)
    #expect(retracted == [1, 5, 9])
    #expect(starts == [0, 2, 4])
    #expect(metrics == [9, 9, 0, 1])
    #expect(indexes == [1, 3, 3, 7])
    #expect(times == [1000, 1001, 1101, 1103])
    #expect(words == [0, 1000, 1000, 3000])
  }

  @Test func `words that are taken back are new when they come again`() {
    var table = WordTable()
    for index in 0..<40 { _ = table.intern("kept-\(index)") }
    // Over two doublings of the table.
    for index in 0..<200 { _ = table.intern("gone-\(index)") }
    table.removeWords(from: 40)
    #expect(table.count == 40)
    for index in (0..<200).reversed() {
      let gone = Array("gone-\(index)".utf8)
      #expect(unsafe table.index(of: gone.span.bytes) == nil)
    }
    for index in 0..<40 { #expect(table.intern("kept-\(index)") == UInt32(index)) }
    #expect(table.intern("gone-150") == 40)
    #expect(table.text(of: 40) == "gone-150")
    var plain = WordTable()
    for index in 0..<40 { _ = plain.intern("kept-\(index)") }
    _ = plain.intern("gone-150")
    var (left, right) = (ByteWriter(), ByteWriter())
    table.encode(into: &left)
    plain.encode(into: &right)
    #expect(left.bytes == right.bytes)
  }

  /// Interning and taking back at random, against a list of words.
  @Test func `a table that words are taken back from is the table without them`() {
    let seed = UInt64.random(in: 0 ... .max)
    var generator = seed
    func next(_ bound: Int) -> Int {
      generator = generator &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int(generator >> 33) % bound
    }
    var table = WordTable()
    var words: [String] = []
    for step in 0..<4000 {
      if next(20) == 0 {
        let kept = next(words.count + 1)
        table.removeWords(from: kept)
        words.removeSubrange(kept...)
      }
      let word = "\(next(300))"
      let index = words.firstIndex(of: word) ?? words.count
      if index == words.count { words.append(word) }
      #expect(table.intern(word) == UInt32(index), "seed \(seed), step \(step)")
    }
  }

  @Test func `a vocabulary goes back to a mark`() {
    var vocabulary = Vocabulary(attributeCount: 2)
    _ = vocabulary.devices.intern("d1")
    _ = vocabulary.attributes[1].intern("eu")
    var mark = VocabularyMark()
    vocabulary.mark(&mark)
    var before = ByteWriter()
    vocabulary.encode(into: &before)
    _ = vocabulary.devices.intern("d2")
    _ = vocabulary.attributes[0].intern("m")
    _ = vocabulary.attributes[1].intern("us")
    _ = vocabulary.metrics.intern("a")
    vocabulary.retract(to: mark)
    var after = ByteWriter()
    vocabulary.encode(into: &after)
    #expect(before.bytes == after.bytes)
  }
}
