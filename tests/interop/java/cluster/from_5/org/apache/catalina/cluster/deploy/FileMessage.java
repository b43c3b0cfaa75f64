package org.apache.catalina.cluster.deploy;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A part of a file, of 5.5.5. */
public final class FileMessage implements Serializable {
    private static final long serialVersionUID = 8508734763569880703L;

    private String fileName;
    private String contextPath;
    private int messageNumber;
    private long totalNrOfMsgs;
    private long totalLength;
    private int dataLength;
    private byte[] data;
    private long timestamp;
    private Member address;
}
