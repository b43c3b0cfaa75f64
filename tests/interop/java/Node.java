import java.io.IOException;
import java.io.ObjectInputStream;
import java.io.ObjectOutputStream;
import java.io.Serializable;

/** A class of our own: primitive fields, references, and data of its own behind them. */
public class Node implements Serializable {
    private static final long serialVersionUID = 1;

    int count;
    boolean mark;
    String name;
    Node next;
    transient Object payload;

    private void writeObject(ObjectOutputStream target) throws IOException {
        target.defaultWriteObject();
        target.writeUTF("payload");
        target.writeObject(payload);
    }

    private void readObject(ObjectInputStream source) throws IOException, ClassNotFoundException {
        source.defaultReadObject();
        if (!source.readUTF().equals("payload")) {
            throw new IOException("no payload");
        }
        payload = source.readObject();
    }
}
