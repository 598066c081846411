/// Application ids of commits of ours that overwrite a part of a table beside the ledger: the table
/// follows from what the ledger has, so that it may be behind, and may be written anew.
///
///     downlink-devices:<pipeline>/<ledger id>/<topic>/<incarnation>/<partition>
///
/// Each part has a txn of its own, whose version is the ledger's: who comes late loses.
package enum DerivedTable {
  private static let prefix = "downlink-devices:"

  /// The application id of one partition's part of `devices`.
  ///
  /// - Parameter ledger: `<pipeline>/<ledger id>`.
  package static func appID(
    ledger: String, topic: String, incarnation: Int64, partition: Int32
  ) -> String {
    "\(prefix)\(ledger)/\(topic)/\(incarnation)/\(partition)"
  }

  /// Whether a commit with this application id is one of ours under that ledger.
  static func isAppID(_ appID: String, ofLedger ledger: String) -> Bool {
    appID.hasPrefix("\(prefix)\(ledger)/")
  }
}
