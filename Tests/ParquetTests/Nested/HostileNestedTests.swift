import Base
import Foundation
import TestSupport
import Testing

@testable import Parquet

/// Nested files that somebody damaged or made on purpose: reading ends with a `ParquetError` or
/// with columns that keep their promises, whoever wrote them; so does copying their row groups.
@Suite struct HostileNestedTests {
  /// So that no run length or codec makes a test of gigabytes.
  private static let limits = ParquetReaderLimits(
    rowGroupRowCountMax: 1 << 16, pageByteCountMax: 1 << 20, chunkByteCountMax: 1 << 22)

  /// Reads every field; those that are refused do not hide the others.
  private static func read(_ bytes: [UInt8], _ comment: Comment) {
    guard let file = try? NestedParquetFile(bytes: bytes, limits: limits) else { return }
    for rowGroup in file.rowGroupRowCounts.indices {
      for field in file.fields {
        guard let column = try? file.read([field.name], rowGroup: rowGroup) else { continue }
        #expect(column.count == file.rowGroupRowCounts[rowGroup], comment)
        check(column, comment)
      }
    }
  }

  /// What a reader of columns relies on.
  private static func check(_ column: NestedColumn, _ comment: Comment) {
    if let validity = column.validity {
      #expect(validity.count == (column.count + 63) / 64, comment)
    }
    switch column.content {
    case .absent: break
    case .values:
      let flat = column.flat
      for slot in 0..<column.count { _ = flat?[slot] }
    case .group(let columns):
      for part in columns {
        #expect(part.count == column.count, comment)
        check(part, comment)
      }
    case .list(let starts, let elements):
      check(starts, count: column.count, elementCount: elements.count, comment)
      check(elements, comment)
    case .map(let starts, let keys, let values):
      check(starts, count: column.count, elementCount: keys.count, comment)
      #expect(keys.count == values.count, comment)
      check(keys, comment)
      check(values, comment)
    }
  }

  private static func check(
    _ starts: [Int], count: Int, elementCount: Int, _ comment: Comment
  ) {
    #expect(starts.count == count + 1 && starts.first == 0 && starts.last == elementCount, comment)
    #expect(zip(starts, starts.dropFirst()).allSatisfy { $0 <= $1 }, comment)
  }

  /// A trap ends the whole run: the last seed printed is of the batch that did it.
  @Test(arguments: 0..<12)
  func `damaged nested files are errors, never traps`(batch: Int) throws {
    let seed = 700_000 + UInt64(batch)
    print("damaged nested files of seed \(seed)")
    var random = SplitMix64(seed: seed)
    for number in 0..<20 {
      var table = NestedTable(seed: seed * 100 + UInt64(number))
      // Without a codec in between, damage reaches the levels and the decoders.
      if number % 2 == 0 {
        table.options = ParquetWriterOptions(
          compression: .none, pageByteCountMax: 120, pageRowCountMax: 20,
          dictionaryByteCountMax: 60, createdBy: "test")
      }
      let file = table.file()
      let footer = try ParquetOutline(byteCount: file.count) { Array(file[$0..<$0 + $1]) }
      let pages = 4..<max(5, file.count - footer.footerByteCount - 8)
      for _ in 0..<8 {
        Self.read(Damage.damaged(file, &random), "seed \(seed), file \(number)")
        Self.read(Damage.damaged(file, in: pages, &random), "seed \(seed), file \(number)")
      }
    }
  }

  @Test func `damaged files of other writers are errors, never traps`() throws {
    let seed: UInt64 = 710_000
    print("damaged files of other writers, seed \(seed)")
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("downlink-hostile-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let outcome = try Python.run("nested_parquet.py", ["write", folder.path])
    #expect(outcome.code == 0, "\(outcome.text)")
    var random = SplitMix64(seed: seed)
    let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
      .filter { $0.hasSuffix(".parquet") }.sorted()
    #expect(names.count > 20)
    for name in names {
      let file = Array(try Data(contentsOf: folder.appendingPathComponent(name)))
      Self.read(file, "\(name)")
      for _ in 0..<12 {
        let damaged = Damage.damaged(file, &random)
        Self.read(damaged, "\(name) with seed \(seed)")
        Self.copy(damaged)
      }
    }
  }

  /// Copies what can be copied of a flat file.
  private static func copy(_ bytes: [UInt8]) {
    guard let file = try? ParquetFile(bytes: bytes, limits: limits),
      ParquetFileWriter.obstacle(toCopying: file, into: file.footer.schema) == nil
    else { return }
    var writer = ParquetFileWriter(
      schema: file.footer.schema, options: ParquetWriterOptions(createdBy: "test"))
    for rowGroup in file.footer.rowGroups.indices {
      guard (try? writer.copyRowGroup(rowGroup, of: file)) != nil else { return }
    }
    let (output, summary) = writer.finish()
    #expect(output.count <= 3 * bytes.count + 10_000 && summary.rowCount == file.footer.rowCount)
  }

  /// Rows of telemetry with page index and bloom filter: what compaction copies.
  private static func flat() -> [UInt8] {
    let columns = [
      ParquetColumn(name: "device_id", type: .string, isOptional: false),
      ParquetColumn(name: "value", type: .double),
    ]
    var writer = ParquetFileWriter(
      schema: ParquetSchema(columns: columns),
      options: ParquetWriterOptions(
        compression: .none, pageRowCountMax: 100, createdBy: "test",
        bloomFilterColumns: ["device_id"]))
    for _ in 0..<2 {
      writer.beginRowGroup(rowCount: 512)
      writer.writeColumn(
        .words(
          indexes: (0..<512).map { UInt32($0 / 128) },
          dictionary: ByteStrings(bytes: Array("abcd".utf8), starts: [0, 1, 2, 3, 4])))
      writer.writeColumn(.double((0..<512).map { 1 / Double($0 + 1) }))
      writer.endRowGroup()
    }
    return writer.finish().output
  }

  @Test(arguments: 0..<5)
  func `copying row groups of a damaged file is an error or a file, never a trap`(
    batch: Int
  ) throws {
    let seed = 720_000 + UInt64(batch)
    print("damaged files to copy, seed \(seed)")
    var random = SplitMix64(seed: seed)
    let file = Self.flat()
    let footer = try ParquetFile(bytes: file).footer.filePosition
    for _ in 0..<400 {
      Self.copy(Damage.damaged(file, &random))
      // Indexes and footer.
      Self.copy(Damage.damaged(file, in: footer - 400..<file.count, &random))
    }
  }

  @Test func `every byte of a footer with indexes may have any of its bits flipped`() throws {
    let file = Self.flat()
    let start = try ParquetFile(bytes: file).footer.filePosition
    for position in start..<file.count {
      for bit in 0..<8 as Range<UInt8> {
        var bytes = file
        bytes[position] ^= 1 << bit
        Self.copy(bytes)
      }
    }
  }

  @Test func `what a codec or a run makes of a few bytes is bounded by the limits`() throws {
    // A page of zeros, 300 KiB of them, compressed to some bytes; and as many pages as there are.
    let text = [UInt8](repeating: 0x61, count: 300 << 10)
    var writer = ParquetFileWriter(
      fields: [.list("texts", of: .string)],
      options: ParquetWriterOptions(dictionaryByteCountMax: 0, createdBy: "test"))
    let count = 40
    writer.beginRowGroup(rowCount: count)
    writer.writeField(
      NestedColumn(
        count: count, validity: nil,
        content: .list(
          starts: Array(0...count),
          elements: .values(
            .byteStrings(
              ByteStrings(
                bytes: Array(repeatElement(text, count: count).joined()),
                starts: (0...count).map { $0 * text.count })), count: count))))
    writer.endRowGroup()
    let bytes = writer.finish().output
    #expect(bytes.count < 50_000)
    let file = try NestedParquetFile(bytes: bytes, limits: Self.limits)
    do {
      _ = try file.read(["texts"], rowGroup: 0)
      Issue.record("a column of 12 MB was read with a limit of 4 MiB")
    } catch {
      guard case .unsupported(let what) = error else { throw error }
      #expect(what.contains("limit"))
    }
    let whole = try NestedParquetFile(bytes: bytes).read(["texts"], rowGroup: 0)
    #expect(whole.count == count)
  }
}
