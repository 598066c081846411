import Base
import DeltaLog
import Parquet
import Storage

/// A file that is merged with others, opened: its footer is in memory, its columns are read when
/// they are asked for.
struct MergeInput {
  let path: String
  private let file: ParquetFile
  /// Of each column of the table its place in the file; nil where the file does not have it.
  private let places: [Int?]

  /// Opens the file, and reads all of it once, by parts, to hold it against its checksum: what was
  /// damaged on the disk must not get a new checksum that says it is whole.
  ///
  /// - Parameters:
  ///   - path: below the root.
  ///   - checksum: as its action has it; nil where that says nothing.
  init(
    _ path: String, checksum: UInt64?, layout: TableLayout, in pass: MaintenancePass
  ) throws(MaintenanceFault) {
    self.path = path
    let storage = pass.storage
    let byteCount: Int64
    do { byteCount = try storage.size(path) } catch { throw .storage(error) }
    if let checksum { try Self.check(path, byteCount, checksum, pass) }
    do {
      file = try ParquetFile(byteCount: Int(byteCount)) { position, count in
        try storage.read(path, from: Int64(position), byteCount: count)
      }
    } catch {
      throw MaintenanceFault(error, path)
    }
    places = try Self.places(file.footer.schema, layout, path)
  }

  private static let partByteCount = 4 << 20

  private static func check(
    _ path: String, _ byteCount: Int64, _ checksum: UInt64, _ pass: MaintenancePass
  ) throws(MaintenanceFault) {
    var hash = StreamingXXHash64()
    while Int64(hash.byteCount) < byteCount {
      let part: [UInt8]
      do {
        part = try pass.storage.read(
          path, from: Int64(hash.byteCount), byteCount: partByteCount)
      } catch {
        throw .storage(error)
      }
      if part.isEmpty { break }
      hash.update(part)
      try pass.pace.check()
    }
    if hash.value != checksum {
      throw .unfit(path: path, reason: "it is damaged: its bytes do not have its checksum")
    }
  }

  /// Every column of the file must be one of the table: another would be lost without a word.
  private static func places(
    _ schema: ParquetSchema, _ layout: TableLayout, _ path: String
  ) throws(MaintenanceFault) -> [Int?] {
    var foundCount = 0
    var places: [Int?] = []
    for column in layout.columns {
      let place = schema.columns.firstIndex { $0.name == column.name }
      places.append(place)
      guard let place else { continue }
      foundCount += 1
      if schema.columns[place].type != column.parquetType {
        throw .unfit(path: path, reason: "its column “\(column.name)” has another type")
      }
    }
    if foundCount != schema.columns.count {
      throw .unfit(path: path, reason: "it has columns that the table does not have")
    }
    return places
  }

  var rowCount: Int { file.footer.rowCount }

  var rowGroups: [ParquetRowGroup] { file.footer.rowGroups }

  /// One column of one row group; nil where the file does not have it.
  func column(
    _ column: Int, rowGroup: Int, _ pace: MaintenancePace
  ) throws(MaintenanceFault) -> ParquetColumnValues? {
    guard let place = places[column] else { return nil }
    let values: ParquetColumnValues
    do throws(ParquetError) {
      values = try file.readColumn(place, rowGroup: rowGroup)
    } catch {
      throw MaintenanceFault(error, path)
    }
    try pace.took(byteCount: rowGroups[rowGroup].chunks[place].compressedByteCount)
    return values
  }

  /// Bytes of texts in a row group before compression: what decoding them may take at most.
  func textByteCount(_ layout: TableLayout, rowGroup: Int) -> Int {
    zip(layout.columns, places).reduce(0) { total, column in
      guard let place = column.1, column.0.type == .string || column.0.type == .binary else {
        return total
      }
      return total + rowGroups[rowGroup].chunks[place].uncompressedByteCount
    }
  }
}

extension MaintenanceFault {
  /// A disk that does not answer now may answer later; a file that is none of ours stays one.
  init(_ error: ParquetError, _ path: String) {
    if case .unreadable(let reason) = error {
      if let storage = reason as? StorageError {
        self = .storage(storage)
        return
      }
      self = .file(path: path, error)
    } else {
      self = .unfit(path: path, reason: "\(error)")
    }
  }
}

// MARK: - Copying

extension MergeInput {
  /// Whether its row groups may stand in a file of this schema as they are.
  func canCopy(into schema: ParquetSchema) -> Bool {
    ParquetFileWriter.obstacle(toCopying: file, into: schema) == nil
  }

  /// Copies a row group; `canCopy` holds.
  func copy(_ rowGroup: Int, to writer: inout ParquetFileWriter) throws(MaintenanceFault) {
    do throws(ParquetError) {
      try writer.copyRowGroup(rowGroup, of: file)
    } catch {
      throw MaintenanceFault(error, path)
    }
  }
}
