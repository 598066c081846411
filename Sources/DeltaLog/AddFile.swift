package import Base

/// One Parquet file on its way into a table (PROTOCOL.md, "Add File and Remove File").
package struct AddFile: Sendable {
  /// Relative to the table's folder, as it is on disk.
  package let path: String
  /// A value for each partition column; nil is null.
  package let partitionValues: [(column: String, value: String?)]
  package let byteCount: Int64
  /// Wall-clock time, decided by the caller.
  package let modificationTimeMillis: Int64
  package let statistics: FileStatistics
  /// xxHash64 of the file's bytes, for `verify`; nil where it is not known.
  package let checksum: UInt64?
  /// False where the same commit removes the files that its rows were in before.
  package let changesRows: Bool

  package init(
    path: String, partitionValues: [(column: String, value: String?)], byteCount: Int64,
    modificationTimeMillis: Int64, statistics: FileStatistics, checksum: UInt64? = nil,
    changesRows: Bool = true
  ) {
    self.path = path
    self.partitionValues = partitionValues
    self.byteCount = byteCount
    self.modificationTimeMillis = modificationTimeMillis
    self.statistics = statistics
    self.checksum = checksum
    self.changesRows = changesRows
  }

  /// The key of the checksum, sixteen hexadecimal digits, in the action's `tags`: what other
  /// engines make nothing of they carry along or drop.
  package static let checksumTag = "downlink.xxh64"

  /// The action. Its statistics are JSON text inside JSON, as Delta has it.
  package var action: JSONValue {
    let values = partitionValues.map { JSONMember($0.column, .optional($0.value)) }
    var members = [
      JSONMember("path", .string(DeltaPath.percentEncoded(path))),
      JSONMember("partitionValues", .object(values)),
      JSONMember("size", .int(byteCount)),
      JSONMember("modificationTime", .int(modificationTimeMillis)),
      JSONMember("dataChange", .bool(changesRows)),
      JSONMember("stats", .string(statistics.json.text)),
    ]
    if let checksum {
      let tag = JSONMember(Self.checksumTag, .string(RandomID.hex(checksum)))
      members.append(JSONMember("tags", .object([tag])))
    }
    return ["add": .object(members)]
  }
}

/// Names of folders and files in a table.
package enum DeltaPath {
  /// Hive's name for a null partition value.
  package static let nullFolderValue = "__HIVE_DEFAULT_PARTITION__"

  /// The folder of one partition value, `event_date=2026-11-21`, escaped as Hive and Spark do
  /// (ExternalCatalogUtils.escapePathName): engines do not read it, people and VACUUM do.
  package static func partitionFolder(column: String, value: String?) -> String {
    // An empty value is null to Delta.
    guard let value, !value.isEmpty else { return hiveEscaped(column) + "=" + nullFolderValue }
    return hiveEscaped(column) + "=" + hiveEscaped(value)
  }

  /// A path on disk as the URI reference that `add.path` holds: everything but RFC 3986's
  /// unreserved characters, `/` and `=` is percent-encoded, so that decoding once gives the path.
  package static func percentEncoded(_ path: String) -> String {
    escaped(path) { byte in
      switch byte {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
        UInt8(ascii: "."), UInt8(ascii: "~"), UInt8(ascii: "/"), UInt8(ascii: "="):
        false
      default: true
      }
    }
  }

  /// The path on disk that `add.path` names; nil where an escape is cut short or the result is not
  /// UTF-8.
  package static func percentDecoded(_ path: String) -> String? {
    var bytes: [UInt8] = []
    var rest = path.utf8[...]
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      guard let high = rest.popFirst().flatMap(Self.hexValue),
        let low = rest.popFirst().flatMap(Self.hexValue)
      else { return nil }
      bytes.append(high << 4 | low)
    }
    return String(validating: bytes, as: UTF8.self)
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
  }

  private static func hiveEscaped(_ text: String) -> String {
    let refused = Array("\"#%'*/:=?\\{[]^".utf8)
    return escaped(text) { $0 < 0x20 || $0 == 0x7F || refused.contains($0) }
  }

  private static func escaped(_ text: String, where mustEscape: (UInt8) -> Bool) -> String {
    let digits = Array("0123456789ABCDEF".utf8)
    var bytes: [UInt8] = []
    for byte in text.utf8 {
      if mustEscape(byte) {
        bytes += [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
