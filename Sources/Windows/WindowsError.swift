/// Why windows cannot be built, or saved state cannot be taken over.
package enum WindowsError: Error, Equatable, Sendable, CustomStringConvertible {
  /// A window or an option that cannot be kept; `problem` is a sentence for people.
  case invalidConfiguration(name: String, problem: String)
  /// The bytes are not a state of this module, or are damaged.
  case damagedState(detail: String)
  /// The bytes are whole but describe other windows or metrics than the configuration does.
  case incompatibleState(what: String, saved: String, configured: String)

  package var description: String {
    switch self {
    case .invalidConfiguration(let name, let problem):
      "cannot keep windows: \(name): \(problem)"
    case .damagedState(let detail):
      "cannot read the window state: \(detail); recover from the state snapshot before it"
    case .incompatibleState(let what, let saved, let configured):
      """
      cannot take over the window state: \(what) was \(saved) when it was saved and is \
      \(configured) in the configuration; configure it as it was, or give the pipeline a new name \
      and root, which starts with empty windows
      """
    }
  }
}
