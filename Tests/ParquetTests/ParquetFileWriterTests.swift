import Testing

@testable import Parquet

@Suite struct ParquetFileWriterTests {
  private static let options = ParquetWriterOptions(createdBy: "test version 1")
  private static let schema = ParquetSchema(columns: [
    ParquetColumn(name: "value", type: .double),
    ParquetColumn(name: "name", type: .string, isOptional: false),
  ])

  private static func file(takingEarly: Bool) -> (bytes: [UInt8], summary: ParquetFileSummary) {
    var writer = ParquetFileWriter(schema: schema, options: options)
    var bytes: [UInt8] = []
    for group in 0..<3 {
      writer.beginRowGroup(rowCount: 4)
      writer.writeColumn(.double([1, .nan, 2, Double(group)]), validity: [0b1101])
      if takingEarly { bytes += writer.takeOutput() }
      writer.writeColumn(.constantWord(Array("word\(group)".utf8)))
      writer.endRowGroup()
      if takingEarly { bytes += writer.takeOutput() }
    }
    let (rest, summary) = writer.finish()
    return (bytes + rest, summary)
  }

  @Test func `taking output early does not change the file`() {
    let whole = Self.file(takingEarly: false)
    let pieces = Self.file(takingEarly: true)
    #expect(whole.bytes == pieces.bytes && whole.summary == pieces.summary)
    #expect(whole.bytes.starts(with: Array("PAR1".utf8)))
    #expect(whole.bytes.suffix(4) == Array("PAR1".utf8)[...])
    #expect(whole.summary.byteCount == whole.bytes.count)
  }

  @Test func `the summary covers all row groups`() {
    let summary = Self.file(takingEarly: false).summary
    #expect(summary.rowCount == 12)
    #expect(
      summary.columns[0]
        == ParquetColumnSummary(
          name: "value", min: .double(0), max: .double(2), nullCount: 3, nanCount: 0))
    #expect(
      summary.columns[1]
        == ParquetColumnSummary(
          name: "name", min: .bytes(Array("word0".utf8)), max: .bytes(Array("word2".utf8)),
          nullCount: 0, nanCount: 0))
  }

  @Test func `a constant costs no bytes a row`() {
    func byteCount(rowCount: Int) -> Int {
      var writer = ParquetFileWriter(
        schema: ParquetSchema(columns: [ParquetColumn(name: "topic", type: .string)]),
        options: Self.options)
      writer.beginRowGroup(rowCount: rowCount)
      writer.writeColumn(.constantWord(Array("telemetry".utf8)))
      writer.endRowGroup()
      return writer.finish().summary.byteCount
    }
    #expect(byteCount(rowCount: 1_000_000_000) - byteCount(rowCount: 1) < 40)
  }

  @Test func `an absent value in a required column stops the program`() async {
    await #expect(processExitsWith: .failure) {
      var writer = ParquetFileWriter(
        schema: ParquetSchema(columns: [
          ParquetColumn(name: "a", type: .int64, isOptional: false)
        ]), options: ParquetWriterOptions(createdBy: "test version 1"))
      writer.beginRowGroup(rowCount: 2)
      writer.writeColumn(.int64([1, 2]), validity: [0b01])
    }
  }

  @Test func `values of another type stop the program`() async {
    await #expect(processExitsWith: .failure) {
      var writer = ParquetFileWriter(
        schema: ParquetSchema(columns: [ParquetColumn(name: "a", type: .int64)]),
        options: ParquetWriterOptions(createdBy: "test version 1"))
      writer.beginRowGroup(rowCount: 1)
      writer.writeColumn(.double([1]))
    }
  }

  @Test func `a missing column stops the program`() async {
    await #expect(processExitsWith: .failure) {
      var writer = ParquetFileWriter(
        schema: ParquetSchema(columns: [ParquetColumn(name: "a", type: .int64)]),
        options: ParquetWriterOptions(createdBy: "test version 1"))
      writer.beginRowGroup(rowCount: 1)
      writer.endRowGroup()
    }
  }
}
