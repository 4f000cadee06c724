// The few commands of `hbase shell` that snapshots need, for an HBase that came from Maven without
// its shell. Reads lines such as `clone_snapshot 'name', 'namespace:table'` from standard input.
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.hbase.HBaseConfiguration;
import org.apache.hadoop.hbase.NamespaceDescriptor;
import org.apache.hadoop.hbase.TableName;
import org.apache.hadoop.hbase.client.Admin;
import org.apache.hadoop.hbase.client.Connection;
import org.apache.hadoop.hbase.client.ConnectionFactory;

public class SnapshotShell {
  public static void main(String[] args) throws Exception {
    try (Connection connection = ConnectionFactory.createConnection(HBaseConfiguration.create());
        Admin admin = connection.getAdmin()) {
      BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
      for (String line = in.readLine(); line != null; line = in.readLine()) run(admin, line.trim());
    } catch (Exception fault) {
      System.err.println("ERROR: " + fault);
      System.exit(1);
    }
    System.exit(0);
  }

  private static void run(Admin admin, String line) throws Exception {
    if (line.isEmpty()) return;
    String command = line.split(" ", 2)[0];
    List<String> given = new ArrayList<>();
    for (Matcher quoted = Pattern.compile("'([^']*)'").matcher(line); quoted.find();) given.add(quoted.group(1));
    switch (command) {
      case "create_namespace":
        admin.createNamespace(NamespaceDescriptor.create(given.get(0)).build());
        break;
      case "snapshot":
        admin.snapshot(given.get(1), TableName.valueOf(given.get(0)));
        break;
      case "clone_snapshot":
        admin.cloneSnapshot(given.get(0), TableName.valueOf(given.get(1)));
        break;
      case "delete_snapshot":
        admin.deleteSnapshot(given.get(0));
        break;
      default:
        throw new IllegalArgumentException("unknown command " + command);
    }
  }
}
