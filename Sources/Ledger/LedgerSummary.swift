package import Base

/// A summary as its file says it: the whole state of the chain after an entry, and where every
/// table's log stood then.
///
///     _ledger/summary-00000000000000000040
///
/// Its checksum is the xxHash64 of the canonical texts of everything recovery takes from it: the
/// format, the state, then the bookmarks. A format of a later program keeps to that, so that a
/// damaged number is told from a new one.
package struct LedgerSummary: Equatable, Sendable {
  package let state: ChainState
  /// By table, in the order of the file; what they mean is the pipeline's business.
  package let bookmarks: [JSONMember]

  package init(state: ChainState, bookmarks: [JSONMember]) {
    self.state = state
    self.bookmarks = bookmarks
  }

  /// The entry it was written after.
  package var version: Int64 { state.lastVersion }

  package var json: JSONValue {
    let body = state.json
    let bookmarks = JSONValue.object(bookmarks)
    var summary = ObjectBuilder()
    let format = JSONValue.int(LedgerEntry.currentFormat)
    summary.set("format", format)
    summary.set("checksum", Self.checksum(of: [format, body, bookmarks]))
    summary.set("bookmarks", bookmarks)
    summary.set("state", body)
    return summary.value
  }

  /// Reads the summary in `path`, which must be that of `version`.
  ///
  /// Nil for a damaged one, for which an older one may stand in. Errors: a whole one that this
  /// program cannot understand.
  package init?(parsing bytes: [UInt8], path: String, version: Int64) throws(LedgerError) {
    guard let json = try? JSONValue(parsing: bytes), let format = json["format"],
      let body = json["state"], let bookmarks = json["bookmarks"],
      json["checksum"]?.stringValue == Self.checksum(of: [format, body, bookmarks])
    else { return nil }
    guard format.int64Value == LedgerEntry.currentFormat else {
      throw .unknownFormat(path: path, found: "its format")
    }
    guard bookmarks.members != nil else {
      throw .unreadable(path: path, detail: "its bookmarks are not an object")
    }
    self.init(
      state: try ChainState(json: body, path: path), bookmarks: bookmarks.members ?? [])
    if self.version != version { return nil }
  }

  private static func checksum(of parts: [JSONValue]) -> String {
    RandomID.hex(XXHash64.hash(parts.flatMap(\.bytes)))
  }
}
