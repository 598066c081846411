import Config
import Glibc

/// Where the admin socket of a pipeline lies: the rule that `run` and the commands share.
///
/// `auto` is a file named after the pipeline in the first folder there is one for: the service
/// manager's (`$RUNTIME_DIRECTORY`), `/run/downlinkd` for root, the login session's.
struct AdminPlace: Equatable, Sendable {
  /// Where an instance that starts here and now puts it; nil where there is no place.
  let own: String?
  /// Where a command looks for it, best first. More than `own`: the service manager's folder is
  /// in the environment of the service only, and anybody may look into it.
  let candidates: [String]

  private static let systemFolder = "/run/downlinkd"

  init(_ whereabouts: Configuration.Whereabouts) {
    self.init(
      whereabouts.admin.socket, pipeline: whereabouts.pipeline,
      environment: Environment.variables, isRoot: geteuid() == 0)
  }

  init(
    _ place: Configuration.Admin.Place, pipeline: String, environment: [String: String],
    isRoot: Bool
  ) {
    switch place {
    case .none:
      own = nil
      candidates = []
    case .path(let path):
      own = path
      candidates = [path]
    case .auto:
      // Of several folders, which systemd parts by colons, the first.
      let managed = Self.folder(
        environment["RUNTIME_DIRECTORY"]?.split(separator: ":").first.map(String.init))
      let session = Self.folder(environment["XDG_RUNTIME_DIR"]).map { $0 + "/downlinkd" }
      let file = "/\(pipeline).sock"
      own = (managed ?? (isRoot ? Self.systemFolder : session)).map { $0 + file }
      var folders: [String] = []
      for folder in [managed, isRoot ? nil : session, Self.systemFolder, session] {
        if let folder, !folders.contains(folder) { folders.append(folder) }
      }
      candidates = folders.map { $0 + file }
    }
  }

  /// An absolute one; anything else was not meant.
  private static func folder(_ text: String?) -> String? {
    guard let text, text.hasPrefix("/") else { return nil }
    return text.count > 1 && text.hasSuffix("/") ? String(text.dropLast()) : text
  }
}
