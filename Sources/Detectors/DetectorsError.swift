/// Why saved detector state cannot be taken over.
package enum DetectorsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The bytes are not a state of this module, or are damaged.
  case damagedState(detail: String)
  /// The bytes are whole but describe another source than the configuration does.
  case incompatibleState(what: String, saved: String, configured: String)

  package var description: String {
    switch self {
    case .damagedState(let detail):
      "cannot read the detector state: \(detail); recover from the state snapshot before it"
    case .incompatibleState(let what, let saved, let configured):
      """
      cannot take over the detector state: \(what) was \(saved) when it was saved and is \
      \(configured) in the configuration; configure it as it was, or give the pipeline a new name \
      and root, which starts without knowledge of the series
      """
    }
  }
}
