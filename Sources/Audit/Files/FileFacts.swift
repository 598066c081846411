import Base
import DeltaLog

/// What an add action says of its file, small enough to keep for every file of a table: 56 bytes,
/// about 100 in a dictionary (measured: a process of 130 MB for 200,000 files in one folder).
///
/// Files are known by the hash of their path, not by the path: a million files then take 100 MB
/// instead of 350. That two of a million share a hash happens to one root in forty million, and
/// would be reported as a file added twice. The path is read again from the log where it is needed.
struct FileFacts {
  /// Where the action stands.
  enum Origin {
    /// In this version of the table's log.
    case log(Int64)
    /// In the log checkpoint of this version, behind which the commits are gone.
    case checkpoint(Int64)
    /// In this entry of the chain, which the table has not taken yet.
    case entry(Int64)
  }

  var byteCount: Int64
  /// Nil where the action has no statistics.
  var rowCount: Int64?
  /// Nil where the action has none: files of older releases, and of other programs.
  var checksum: UInt64?
  var origin: Origin

  /// Reads the body of an add action; nil where it does not name a file and its size.
  init?(add: JSONValue, origin: Origin) {
    guard let byteCount = add["size"]?.int64Value, byteCount >= 0 else { return nil }
    self.byteCount = byteCount
    self.origin = origin
    if let text = add["stats"]?.stringValue, let stats = try? JSONValue(parsing: text),
      let count = stats["numRecords"]?.int64Value, count >= 0
    {
      rowCount = count
    }
    if let tag = add["tags"]?[AddFile.checksumTag]?.stringValue, tag.utf8.count == 16 {
      checksum = UInt64(tag, radix: 16)
    }
  }

  /// What a log checkpoint says of a file.
  init(_ file: LiveFile, of state: TableSnapshot) {
    byteCount = file.byteCount
    rowCount = file.rowCount
    let tag = state.tags(of: file).first { $0.key == AddFile.checksumTag }?.value
    checksum = tag.flatMap { $0.utf8.count == 16 ? UInt64($0, radix: 16) : nil }
    origin = .checkpoint(state.version)
  }

  /// The path on disk, relative to the table's folder, of an add or a remove action's body.
  static func path(of body: JSONValue) -> String? {
    body["path"]?.stringValue.flatMap { DeltaPath.percentDecoded($0) }
  }

  /// What a path is known by.
  static func key(_ path: String) -> UInt64 { XXHash64.hash(Array(path.utf8)) }
}
