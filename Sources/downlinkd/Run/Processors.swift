import Glibc

/// The processors this machine has for us.
enum Processors {
  /// At least 1.
  static var usableCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
