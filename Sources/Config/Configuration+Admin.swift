extension Configuration {
  /// The socket by which commands of this machine speak with the instance.
  package struct Admin: Hashable, Sendable {
    /// Where it is.
    package enum Place: Hashable, Sendable {
      /// Where the environment has a place for it: the program knows the rule.
      case auto
      case none
      /// Absolute.
      case path(String)

      /// As the file has it.
      package var text: String {
        switch self {
        case .auto: "auto"
        case .none: "none"
        case .path(let path): path
        }
      }
    }

    package let socket: Place
    /// The permission bits of the socket: who may write to it may give orders.
    package let mode: UInt32

    /// `0660`.
    package var modeText: String {
      let digits = String(mode, radix: 8)
      return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    }
  }

  /// What tells where a running instance is to be found.
  package struct Whereabouts: Sendable {
    package let pipeline: String
    package let admin: Admin
    /// Where it listens; nil for nowhere.
    package let listen: Endpoint?
    /// Whether it speaks TLS there.
    package let usesTLS: Bool

    /// Of a file that was read.
    package init(_ configuration: Configuration) {
      pipeline = configuration.pipeline
      admin = configuration.admin
      listen = configuration.http.listen
      usesTLS = configuration.http.tls != nil
    }

    /// Of a file that may be faulty elsewhere: commands must reach an instance most of all when
    /// somebody has just broken its file.
    ///
    /// - Throws: The faults that keep it from being found.
    package init(file: String, environment: [String: String]) throws(ConfigFaults) {
      let (root, reading) = try Configuration.open(file: file, environment: environment)
      let faultCount = reading.faults.count
      pipeline = root.required(.pipeline, placeholder: "", .name(.label))
      admin = Admin(root.section(.admin, AdminKey.self))
      let http = root.section(.http, HTTPKey.self)
      listen = http.listen()
      usesTLS = http.has(.tls)
      let needed = ["pipeline", "admin", "http.listen"]
      let faults = reading.faults.enumerated().filter { index, fault in
        // What is missing is reported at the mapping where it is missing.
        (index >= faultCount && fault.keyPath.isEmpty)
          || needed.contains { fault.keyPath == $0 || fault.keyPath.hasPrefix($0 + ".") }
      }
      // A misspelled `pipeline` is an unknown key, and not missing besides.
      guard faults.isEmpty, !pipeline.isEmpty else {
        throw ConfigFaults(faults.isEmpty ? reading.faults : faults.map(\.element))
      }
    }
  }
}
