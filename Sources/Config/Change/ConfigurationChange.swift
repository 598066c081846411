/// What differs between the configuration that runs and the one that shall run, sorted into what
/// can change live and what cannot.
///
/// Live are the log level, the alerts, the maintenance of tables and the detectors; how sources are
/// decoded and judged, what windows tell and how often is committed are taken over by another
/// session in the same process. Whatever else changes is refused, and with it the whole file, so
/// that what runs is always one file and never a mixture. Where order means nothing (of sources, of
/// detectors) a change of it is none. Pure: reads two values, touches nothing; what only state and
/// tables can tell is asked elsewhere.
package struct ConfigurationChange: Hashable, Sendable {
  /// One value, or one item of a list, that differs.
  package struct Difference: Hashable, Sendable, CustomStringConvertible {
    /// Items of lists go by their names: `detectors[voltage-shift].shift.every`.
    package let keyPath: String
    /// As people read it, secrets masked; nil where there was nothing.
    package let old: String?
    /// As people read it, secrets masked; nil where there is nothing any more.
    package let new: String?
    package let effect: Effect

    /// `storage.root: /srv/a → /srv/b (needs a restart)`.
    package var description: String {
      let reason = effect.reason.map { " (\($0))" } ?? ""
      switch (old, new) {
      case (nil, let new?): return "\(keyPath): added: \(new)\(reason)"
      case (let old?, nil): return "\(keyPath): removed: \(old)\(reason)"
      case (let old?, let new?) where old == new:
        return "\(keyPath): \(new), with another content\(reason)"
      case (let old, let new): return "\(keyPath): \(old ?? "") → \(new ?? "")\(reason)"
      }
    }
  }

  /// What it takes to make a difference true.
  package enum Effect: Hashable, Sendable {
    /// Nothing: it is taken over while running.
    case live
    /// It is taken over while running, by a new session: for some seconds nothing is read.
    case reopen
    /// A restart with the new file.
    case restart
    /// A new root: the state and the ledger of the old one are made of the old value.
    case otherState

    /// Why it is refused; nil where it is not.
    package var reason: String? {
      switch self {
      case .live, .reopen: nil
      case .restart: "needs a restart"
      case .otherState: "state cannot survive it: start it in a new storage.root"
      }
    }
  }

  /// What is taken over; in the order in which people read a file.
  package let live: [Difference]
  /// What is not. Where there is any, nothing is taken over.
  package let refused: [Difference]

  /// Compares two configurations that were read without faults. Cost: their size.
  package init(from old: Configuration, to new: Configuration) {
    let differences = SettingList(old).differences(to: SettingList(new))
    live = differences.filter { $0.effect.reason == nil }
    refused = differences.filter { $0.effect.reason != nil }
  }

  /// Whether nothing differs.
  package var isEmpty: Bool { live.isEmpty && refused.isEmpty }

  /// Whether the new file can be taken over, be it that it changes nothing.
  package var isAccepted: Bool { refused.isEmpty }

  /// Whether the pipeline has to be told: a detector was added, removed or changed.
  package var changesDetectors: Bool { live.contains { $0.keyPath.hasPrefix("detectors[") } }

  /// Whether those who send alerts have to be told.
  package var changesAlerts: Bool { live.contains { $0.keyPath.hasPrefix("alerts.") } }

  /// Whether those who maintain the tables have to be told.
  package var changesMaintenance: Bool {
    let places = ["tables.", "maintenance.", "storage.budget"]
    return live.contains { difference in places.contains { difference.keyPath.hasPrefix($0) } }
  }

  /// Whether the files of certificates and keys are others.
  package var changesTLS: Bool { live.contains { $0.keyPath.hasPrefix("http.tls.") } }

  /// Whether the pipeline needs another session for it.
  package var reopens: Bool { live.contains { $0.effect == .reopen } }

  /// Whether the log has to be told.
  package var changesLogLevel: Bool { live.contains { $0.keyPath == "log.level" } }

  /// One line for the log or the status: `nothing changed`, what was taken over, or why not.
  package var summary: String {
    if isEmpty { return "nothing changed" }
    let shown = isAccepted ? live : refused
    let head = isAccepted ? "changed: " : "refused, nothing was changed: "
    return head + shown.map(\.description).joined(separator: "; ")
  }
}
