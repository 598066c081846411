import ArgumentParser
import Config
import Glibc
import Status

/// The sockets at which a command may find an instance.
struct AdminTargets {
  /// Those that are there, best first.
  let targets: [StatusTarget]
  /// Where none is: what was looked at.
  let absence: String

  /// - Parameters:
  ///   - config: the configuration of the instance; it may be faulty elsewhere. What keeps it from
  ///     saying where the socket is ends the program with 78.
  ///   - socket: the socket itself.
  init(config: String?, socket: String?) throws {
    if let socket {
      self.init(candidates: [socket], none: "")
      return
    }
    guard let config else { preconditionFailure("a command checks that it was given one of both") }
    do throws(ConfigFaults) {
      self.init(
        try Configuration.Whereabouts(file: config, environment: Environment.variables),
        file: config)
    } catch {
      complain("\(error)")
      throw ExitCode(Exit.configuration)
    }
  }

  init(_ whereabouts: Configuration.Whereabouts, file: String) {
    self.init(
      candidates: AdminPlace(whereabouts).candidates,
      none: "\(file): admin.socket: none: the instance has no socket, orders come by signal")
  }

  private init(candidates: [String], none: String) {
    targets = candidates.filter(Self.isThere).map { StatusTarget(socket: $0) }
    absence =
      candidates.isEmpty
      ? none
      : "no admin socket at \(candidates.joined(separator: " or ")); is downlinkd running?"
  }

  /// What cannot be looked at may be there.
  private static func isThere(_ path: String) -> Bool {
    unsafe access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR)
  }
}
