/// Where a Schema Registry is and how it is asked.
package struct RegistryOptions: Sendable, CustomReflectable {
  /// `http://…` or `https://…`, without user or password, without a slash at its end.
  package var url: String
  /// For HTTP's basic authentication; nil for none.
  package var user: String?
  package var password: String?
  /// A file of certificates (PEM) that vouch for the registry; nil for the system's.
  package var authorityFile: String?
  /// Milliseconds one request may take, connecting included.
  package var timeoutMillis: Int
  /// A folder in which answers are kept for later starts; nil for none.
  package var cacheFolder: String?
  /// Bytes an answer may have; a longer one is refused.
  package var answerByteCountMax = 16 << 20

  package init(url: String, timeoutMillis: Int) {
    self.url = url
    self.timeoutMillis = timeoutMillis
  }

  /// Nobody prints a password by accident.
  package var customMirror: Mirror {
    Mirror(self, children: ["url": url, "timeoutMillis": timeoutMillis])
  }
}
