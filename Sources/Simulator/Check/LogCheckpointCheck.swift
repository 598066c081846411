import Base
import Parquet

/// Whether a log checkpoint says what the commits up to its version said: read column by column,
/// apart from `DeltaLog`.
struct LogCheckpointCheck {
  private var live: [String: Int64] = [:]
  private var statistics: [String: String] = [:]
  private var removed: Set<String> = []
  private var transactions: [String: Int64] = [:]
  private var protocolCount = 0
  private var metaDataCount = 0

  init(_ bytes: [UInt8]) throws(ParquetError) {
    let file = try NestedParquetFile(bytes: bytes)
    for rowGroup in file.rowGroupRowCounts.indices {
      func column(_ path: String...) throws(ParquetError) -> ParquetColumnValues? {
        try file.read(path, rowGroup: rowGroup).flat
      }
      let paths = try column("add", "path")
      let sizes = try column("add", "size")
      let stats = try column("add", "stats")
      let gone = try column("remove", "path")
      let applications = try column("txn", "appId")
      let versions = try column("txn", "version")
      let protocols = try column("protocol", "minReaderVersion")
      let tables = try column("metaData", "id")
      for row in 0..<file.rowGroupRowCounts[rowGroup] {
        if let path = Self.text(paths?[row]) {
          live[path] = Self.integer(sizes?[row])
          statistics[path] = Self.text(stats?[row])
        }
        if let path = Self.text(gone?[row]) { removed.insert(path) }
        if let application = Self.text(applications?[row]) {
          transactions[application] = Self.integer(versions?[row])
        }
        if protocols?[row] != nil { protocolCount += 1 }
        if tables?[row] != nil { metaDataCount += 1 }
      }
    }
  }

  private static func text(_ value: ParquetValue?) -> String? {
    guard case .bytes(let bytes)? = value else { return nil }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func integer(_ value: ParquetValue?) -> Int64? {
    guard case .integer(let integer)? = value else { return nil }
    return integer
  }

  /// What is wrong with it; nil for nothing. Removed files may be left out once they are expired.
  func objection(to due: TableState) -> String? {
    let sizes = due.live.compactMapValues { $0["size"]?.int64Value }
    if live != sizes { return "it has \(live.count) live files, \(sizes.count) are due" }
    if statistics != due.live.compactMapValues({ $0["stats"]?.stringValue }) {
      return "it has other statistics"
    }
    if transactions != due.transactions {
      return "it has the transactions \(transactions), \(due.transactions) are due"
    }
    if !removed.isSubset(of: due.removed.keys) { return "it has removed files that are not" }
    if protocolCount != 1 || metaDataCount != 1 {
      return "it has \(protocolCount) protocols and \(metaDataCount) metaData"
    }
    return nil
  }
}
