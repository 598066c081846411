import Decode
import Telemetry
import Testing

@testable import Pipeline

@Suite struct DriftBookTests {
  private static let partitions = (0..<2).map {
    TopicPartition(topic: "telemetry", partition: $0)
  }

  private func book() throws -> DriftBook { DriftBook(try TestSources.options().sources) }

  private func drift(
    _ field: UInt32, number: Int32? = nil, name: String? = nil, count: Int64 = 1,
    offset: Int64 = 7, partition: Int32 = 0
  ) -> SchemaDrift {
    SchemaDrift(
      key: .init(messageName: "fleet.Report", fieldNumber: field, enumNumber: number),
      fieldName: name, count: count,
      sample: .init(
        partitionIndex: partition, offset: offset, wireType: 2, byteCount: 200, bytes: [1, 0xAB]))
  }

  private func news(_ found: [SchemaDrift], others: Int64 = 0) -> DriftNews {
    var report = DriftReport()
    report.found = found
    report.otherFieldCount = others
    return DriftNews(sourceIndex: 0, report: report, partitions: Self.partitions)
  }

  @Test func `every source stands in it from the start`() throws {
    let options = try TestSources.options()
    let names = DriftBook(options.sources).sources.map(\.source)
    #expect(names == options.sources.map(\.plan.schema.source))
    #expect(DriftBook(options.sources).sources.allSatisfy { $0.unknownFieldCount == 0 })
  }

  @Test func `what is new is said once, with its place; what lanes meet is added up`() throws {
    var book = try book()
    let source = book.sources[0].source
    let first = book.note(news([drift(6, count: 3, offset: 41, partition: 1)]), nowMicros: 5)
    #expect(
      first == [
        "source \(source): fleet.Report has the unknown field 6, first met in telemetry[1] at "
          + "offset 41: give the source a newer descriptor_set"
      ])
    #expect(book.note(news([drift(6, offset: 2), drift(6, offset: 3)]), nowMicros: 6) == [])
    let found = book.sources[0].found
    #expect(found.count == 1)
    #expect(found[0].count == 5)
    #expect((found[0].offset, found[0].firstSeenMicros) == (41, 5))
    #expect(found[0].topicPartition == Self.partitions[1])
    #expect((found[0].byteCount, found[0].hex) == (200, "01ab"))
    #expect(book.sources[0].unknownFieldCount == 5)
    #expect(book.sources[0].unknownEnumNumberCount == 0)
  }

  @Test func `numbers of enums and other wire types say so`() throws {
    var book = try book()
    let lines = book.note(
      news([drift(3, number: -9, name: "mode", count: 2), drift(4, name: "place")]))
    #expect(lines[0].contains("fleet.Report has the unknown number -9 in field 3 (mode), first"))
    #expect(lines[1].contains("fleet.Report has field 4 (place) with wire type 2, first"))
    #expect(book.sources[0].unknownEnumNumberCount == 2)
    #expect(book.sources[0].unknownFieldCount == 1)
  }

  @Test func `other schemas begin the list anew, and counts go on`() throws {
    var book = try book()
    #expect(book.note(news([drift(6), drift(7)])).count == 2)
    // A recovery is nothing new.
    book.beginSession()
    #expect(book.note(news([drift(6)])) == [])
    book.adoptSchemas()
    // The session that ends still reads by the old ones.
    #expect(book.note(news([drift(6)])) == [])
    book.beginSession()
    #expect(book.sources[0].found.isEmpty)
    #expect(book.note(news([drift(7)])).count == 1)
    #expect(book.sources[0].found.map(\.fieldNumber) == [7])
    #expect(book.sources[0].unknownFieldCount == 5)
  }

  @Test func `no more than so many kinds are kept, and all are counted`() throws {
    var book = try book()
    let countMax = DriftBook.findingCountMax
    for start in [0, countMax - 10] {
      let lines = book.note(
        news((start..<start + countMax).map { drift(UInt32($0 + 1)) }, others: 0))
      #expect(lines.count == (start == 0 ? countMax : 1))
    }
    #expect(book.note(news([drift(100_000)], others: 4)) == [])
    #expect(book.sources[0].found.count == countMax)
    #expect(book.sources[0].otherCount == Int64(countMax - 10 + 5))
    #expect(book.sources[0].unknownFieldCount == Int64(2 * countMax + 5))
  }
}
