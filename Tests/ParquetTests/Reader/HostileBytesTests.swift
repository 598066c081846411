import Base
import Testing

@testable import Parquet

/// Whatever the bytes, reading ends with a `ParquetError` or with columns that keep their promises.
@Suite struct HostileBytesTests {
  /// Valid files to damage: small ones, for the damage to hit what matters.
  private static let originals: [[UInt8]] = {
    var files: [[UInt8]] = []
    for (number, compression) in codecs.enumerated() {
      for splits in [false, true] {
        let options = ParquetWriterOptions(
          compression: compression, pageByteCountMax: 200, pageRowCountMax: 40,
          dictionaryByteCountMax: 60, splitsFloatingPointBytes: splits,
          createdBy: "downlink version 1.2.3",
          keyValueMetadata: [.init(key: "seed", value: "\(number)")])
        files.append(table(options).file())
      }
    }
    return files
  }()

  private static let codecs: [Compression] = [.none, .snappy, .zstd(level: 1), .lz4]

  private static func table(_ options: ParquetWriterOptions) -> TestTable {
    var random = SplitMix64(seed: 9)
    let rows = 0..<90
    func column(
      _ name: String, _ type: ParquetType, _ form: TestTable.Form = .values,
      isOptional: Bool = true, _ value: (Int) -> ParquetValue
    ) -> TestTable.Column {
      let values = rows.map { isOptional && ($0 % 7 == 2 || $0 > 80) ? nil : value($0) }
      return TestTable.Column(
        column: ParquetColumn(name: name, type: type, isOptional: isOptional), values: values,
        form: form)
    }
    let columns = [
      column("flag", .boolean) { .boolean($0 % 3 == 0) },
      column("day", .date) { .integer(Int64($0 / 30)) },
      column("time", .timestampMicros, isOptional: false) { .integer(Int64($0) * 1_000_003) },
      column("noise", .double) { _ in .double(.random(in: 0..<1, using: &random)) },
      column("float", .float, isOptional: false) { .float(Float($0 % 3)) },
      column("word", .string, .words) { .bytes(Array("w\($0 % 5)".utf8)) },
      column("left", .binary, .words) { .bytes(Array(($0 < 80 ? "w\($0 % 3)" : "x\($0)").utf8)) },
      column("topic", .string, .constant) { _ in .bytes(Array("telemetry".utf8)) },
      column("partition", .int32, .constant) { _ in .integer(3) },
    ]
    return TestTable(columns: columns, rowGroups: [70, 20], options: options)
  }

  private static func damaged(_ random: inout SplitMix64) -> [UInt8] {
    Damage.damaged(originals[Int(random.next() % UInt64(originals.count))], &random)
  }

  /// Reads all there is; returns whether it could be read.
  @discardableResult
  private static func read(_ bytes: [UInt8]) -> Bool {
    do {
      let file = try ParquetFile(bytes: bytes)
      for (index, rowGroup) in file.footer.rowGroups.enumerated() {
        for column in file.footer.schema.columns.indices {
          let values = try file.readColumn(column, rowGroup: index)
          checkInvariants(values, rowGroup.chunks[column])
        }
      }
      return true
    } catch {
      return false
    }
  }

  private static func checkInvariants(_ read: ParquetColumnValues, _ chunk: ParquetColumnChunk) {
    #expect(read.rowCount == chunk.valueCount)
    var presentCount = 0
    for row in 0..<read.rowCount where read[row] != nil { presentCount += 1 }
    if let nullCount = chunk.statistics.nullCount {
      #expect(presentCount == read.rowCount - nullCount)
    }
    if let validity = read.validity {
      #expect(validity.count == (read.rowCount + 63) / 64)
      #expect(validity.reduce(0) { $0 + $1.nonzeroBitCount } == presentCount)
    }
  }

  /// A trap ends the whole run: the last seed printed is of the batch that did it.
  @Test(arguments: 0..<10)
  func `damaged files are errors, never traps`(batch: Int) {
    let seed = 500_000 + UInt64(batch)
    print("damaged files of seed \(seed)")
    var random = SplitMix64(seed: seed)
    var readableCount = 0
    for _ in 0..<400 where Self.read(Self.damaged(&random)) { readableCount += 1 }
    // Pages have no checksums: some damage goes unseen. Most must not.
    #expect(readableCount < 200, "seed \(seed)")
  }

  @Test func `a file cut anywhere is an error`() {
    for original in Self.originals {
      for count in stride(from: 0, to: original.count, by: 7) {
        #expect(!Self.read(Array(original[..<count])), "cut at \(count)")
      }
    }
  }

  /// Without a codec in between, damage reaches the decoders.
  @Test(arguments: 0..<5)
  func `damaged pages are errors, never traps`(batch: Int) throws {
    let seed = 600_000 + UInt64(batch)
    print("damaged pages of seed \(seed)")
    var random = SplitMix64(seed: seed)
    for number in 0..<400 {
      var bytes = Self.originals[number % 2]
      let pages = 4..<(try ParquetFile(bytes: bytes).footer.filePosition)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        bytes[Int.random(in: pages, using: &random)] = .random(in: 0...255, using: &random)
      }
      let file = try ParquetFile(bytes: bytes)
      // Column by column: one that is refused must not hide the others.
      for (index, rowGroup) in file.footer.rowGroups.enumerated() {
        for column in file.footer.schema.columns.indices {
          guard let values = try? file.readColumn(column, rowGroup: index) else { continue }
          Self.checkInvariants(values, rowGroup.chunks[column])
        }
      }
    }
  }

  @Test func `every byte of a footer may have any of its bits flipped`() throws {
    let original = Self.originals[0]
    let start = try ParquetFile(bytes: original).footer.filePosition
    for position in start..<original.count {
      for bit in 0..<8 as Range<UInt8> {
        var bytes = original
        bytes[position] ^= 1 << bit
        Self.read(bytes)
      }
    }
  }
}
