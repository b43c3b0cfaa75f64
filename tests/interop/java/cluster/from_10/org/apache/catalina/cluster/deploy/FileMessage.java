package org.apache.catalina.cluster.deploy;

import java.io.Serializable;
import org.apache.catalina.cluster.Member;

/** A part of a file, since 5.5.10. */
public final class FileMessage implements Serializable {
    private static final long serialVersionUID = -9120449589159465911L;

    private String fileName;
    private String contextPath;
    private int messageNumber;
    private long totalNrOfMsgs;
    private long totalLength;
    private int dataLength;
    private byte[] data;
    private long timestamp;
    private Member address;
    private int resend;
    private int compress;
}
